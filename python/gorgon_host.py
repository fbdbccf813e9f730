"""The runner host for pytest: one per job and machine. docs/runner_protocol.md is the contract.

Loads pytest with its plugins, the first conftest files and the modules to preload once, and then forks a runner from
itself whenever the listener asks for one. Starts with GORGON_HOST_FD naming a SOCK_SEQPACKET socket, and the job's
workspace as working directory.
"""

import array
import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading

from gorgon_wire import clock, plain_error

DATAGRAM_BYTES = 128 * 1024
DESCRIPTORS = 3
# Of an error that does not fit into a datagram as it is.
CUT_MESSAGE_CHARACTERS = 8 * 1024
CUT_BACKTRACE_LINES = 20


class Host:
    """The listener's requests, from `init` to `finish`."""

    def __init__(self, control):
        self.control = control
        self.pid = os.getpid()
        self.started = clock()
        self.statuses = {}  # Process id of a runner to its status pipe, open until the runner has ended.
        self.init = {}

    def take_init(self):
        message, _ = self.receive()
        if message is None:
            sys.exit(1)
        self.init = message
        os.environ["GORGON_JOB_ID"] = message["job"]
        os.environ["GORGON_HOST"] = message["host"]
        os.environ["GORGON_WORKSPACE"] = os.getcwd()

    def tell_ready(self, language):
        # What is garbage now would be copied by every runner, and so would every object that a collection touches.
        gc.collect()
        gc.freeze()
        self.tell(type="ready", pid=self.pid, language=language, threads=threading.active_count(),
                  seconds=clock() - self.started)

    def fail(self, stage, failure):
        """Tells the listener and ends the process."""
        message = {"type": "failed", "stage": stage, "error": failure}
        if len(json.dumps(message)) > DATAGRAM_BYTES:
            message["error"] = {**failure, "message": failure["message"][:CUT_MESSAGE_CHARACTERS] + "\n[cut]",
                                "backtrace": failure["backtrace"][:CUT_BACKTRACE_LINES], "display": None}
        self.tell(**message)
        sys.exit(1)

    def serve(self):
        """Forks runners until the listener says `finish` or is gone; both end the process. Returns in each runner, with
        its `fork` message and the descriptors of its conversation and its output."""
        # Ends of children wake the wait for the next request: their signals write to this pair. The application may have
        # its own idea of SIGCHLD, which runners get back.
        wake_up, ended = socket.socketpair()
        ended.setblocking(False)
        old_wake_up = signal.set_wakeup_fd(ended.fileno(), warn_on_full_buffer=False)
        old_handler = signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(wake_up, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if wake_up in ready:
                    wake_up.recv(4096)
                    self.reap()
                if self.control not in ready:
                    continue
                runner = self.obey()
                if runner:
                    break
        signal.set_wakeup_fd(old_wake_up)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if old_handler is None else old_handler)
        wake_up.close()
        ended.close()
        return runner

    def obey(self):
        """One request. Gives what serve() gives, in a runner alone."""
        message, descriptors = self.receive()
        if message is None:  # The listener is gone.
            sys.exit(1)
        if message["type"] == "finish":
            self.tell(type="finished")
            sys.exit(0)
        if message["type"] == "fork" and len(descriptors) == DESCRIPTORS:
            return self.fork(message, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        return None

    def fork(self, message, conversation, output, status):
        try:
            pid = os.fork()
        except OSError as error:
            print(f"gorgon: cannot fork a runner: {error}", file=sys.stderr)
            pid = -1
        if pid == 0:
            self.control.close()
            for descriptor in (status, *self.statuses.values()):
                os.close(descriptor)
            self.statuses.clear()  # Its siblings are none of its business.
            return message, conversation, output
        os.close(conversation)
        os.close(output)
        if pid > 0:
            self.statuses[pid] = status
            write_status(status, {"pid": pid})
        else:
            os.close(status)
        return None

    def reap(self):
        """Runners, and whoever else became our child: orphans of theirs."""
        while True:
            try:
                pid, how = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            status = self.statuses.pop(pid, None)
            if status is not None:
                write_status(status, {"signal": os.WTERMSIG(how)} if os.WIFSIGNALED(how)
                             else {"exit": os.WEXITSTATUS(how)})
                os.close(status)

    def kill_runners(self):
        """Each leads a session and a process group of its own."""
        for pid in self.statuses:
            for kill in (os.killpg, os.kill):
                try:
                    kill(pid, signal.SIGKILL)
                except OSError:
                    pass  # It has not come so far, or has ended.

    def receive(self):
        """The next message, None at end of file, and its descriptors."""
        size = array.array("i").itemsize
        try:
            data, ancillary, _, _ = self.control.recvmsg(DATAGRAM_BYTES, socket.CMSG_SPACE(DESCRIPTORS * size))
        except OSError:
            return None, []
        descriptors = array.array("i")
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: len(content) - len(content) % size])
        return (json.loads(data) if data else None), list(descriptors)

    def tell(self, **message):
        try:
            self.control.send(json.dumps(message).encode())
        except OSError:
            sys.exit(1)


def write_status(status, fields):
    try:
        os.write(status, json.dumps(fields).encode() + b"\n")
    except OSError:
        pass  # The worker that asked is gone; its runner will notice by itself.


def run(host, folder):
    host.take_init()
    if host.init.get("callbacks_class_file"):
        host.fail("callbacks_class_file", plain_error("callbacks_class_file", "", (
            f"{host.init['callbacks_class_file']} is Ruby, and this job runs pytest: write its hooks as shell commands, "
            "the other keys of job.callbacks")))
    try:
        import pytest
    except ImportError as error:
        host.fail("preload", plain_error("preload", "ImportError", (
            f"{error} for {sys.executable}: install pytest there, or name another Python with \"runner_python\"")))
    if getattr(pytest, "version_tuple", (6,)) < (7,):
        host.fail("preload", plain_error("preload", "", f"pytest {pytest.__version__} is too old: it must be 7.0 or later"))
    from gorgon_pytest import run_pytest

    sys.path.remove(folder)  # Tests must not find our modules in place of their own.
    code = run_pytest(host)
    # Runners do not come back here, only a pytest that refused its command line, its configuration or a conftest file.
    host.fail("preload", plain_error("preload", "", f"pytest did not start (exit code {int(code)})"))


def main(folder):
    host = Host(socket.socket(fileno=int(os.environ.pop("GORGON_HOST_FD"))))
    host.control.set_inheritable(False)
    try:
        run(host, folder)
    finally:
        host.kill_runners()
