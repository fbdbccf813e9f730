#!/usr/bin/env python3
"""A runner host for tests that are no Ruby, as small as one can be: docs/runner_protocol.md tells the protocol.

A `.check` file holds one test case a line: a shell command that must exit with 0. The line `:` passes without a shell,
so that a file of such lines costs next to nothing; bench/load measures Gorgon with them.

    {"files": ["checks/**/*.check"], "runner_command": ["./host.py"]}
"""

import array
import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback

DATAGRAM_BYTES = 128 * 1024
PR_SET_PDEATHSIG = 1  # prctl(2)
libc = ctypes.CDLL(None)


# ---- the host: one process a job and machine, which forks a runner whenever it is asked to ----


class Host:
    def __init__(self, control):
        self.control = control
        self.pid = os.getpid()
        self.job = {}  # The environment that all runners of the job have.
        self.statuses = {}  # Process id of a runner to its status pipe, open until the runner has ended.

    def serve(self):
        """Until the listener says `finish`, or is gone."""
        # Ends of children wake the wait for the next request, too: their signals write to this pair.
        wakeup, ended = socket.socketpair()
        ended.setblocking(False)
        signal.set_wakeup_fd(ended.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(self.control, selectors.EVENT_READ)
        selector.register(wakeup, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is wakeup:
                    wakeup.recv(4096)
                    self.reap()
                    continue
                data, descriptors = self.receive()
                if not data:
                    return self.kill_runners()
                message = json.loads(data)
                if message["type"] == "init":
                    self.job = {"GORGON_JOB_ID": message["job"], "GORGON_HOST": message["host"],
                                "GORGON_WORKSPACE": message["workspace"]}
                    self.send(type="ready", pid=self.pid, language="checks", threads=1, seconds=0)
                elif message["type"] == "fork":
                    self.fork(message, *descriptors)
                elif message["type"] == "finish":
                    return self.send(type="finished")

    def receive(self):
        size = array.array("i").itemsize
        data, ancillary, _, _ = self.control.recvmsg(DATAGRAM_BYTES, socket.CMSG_SPACE(3 * size))
        descriptors = array.array("i")
        for level, kind, bytes_ in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(bytes_[: len(bytes_) - len(bytes_) % size])
        return data, list(descriptors)

    def send(self, **message):
        self.control.send(json.dumps(message).encode())

    def fork(self, message, conversation, output, status):
        pid = os.fork()
        if pid == 0:
            try:
                self.control.close()
                for descriptor in (status, *self.statuses.values()):
                    os.close(descriptor)
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                settle(self.pid, message, self.job, output)
                Runner(socket.socket(fileno=conversation)).serve()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.write(status, json.dumps({"pid": pid}).encode() + b"\n")
        self.statuses[pid] = status
        os.close(conversation)
        os.close(output)

    def reap(self):
        while self.statuses:
            pid, how = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            status = self.statuses.pop(pid, None)
            if status is None:
                continue
            end = {"signal": os.WTERMSIG(how)} if os.WIFSIGNALED(how) else {"exit": os.WEXITSTATUS(how)}
            try:
                os.write(status, json.dumps(end).encode() + b"\n")
            except BrokenPipeError:
                pass  # The worker is gone as well.
            os.close(status)

    def kill_runners(self):
        for pid in self.statuses:
            os.kill(pid, signal.SIGKILL)


def settle(host_pid, message, job, output):
    """What a fork does before it becomes a runner."""
    if message.get("cgroup"):
        try:
            with open(message["cgroup"] + "/cgroup.procs", "w") as procs:
                procs.write("0")
        except OSError as error:
            print(f"cannot join {message['cgroup']}: {error}", file=sys.stderr)
    os.setsid()
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != host_pid:
        os._exit(1)
    nothing = os.open("/dev/null", os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)
    number = str(message["worker"])
    own = {"GORGON_WORKER_ID": number, "TEST_ENV_NUMBER": "" if number == "1" else number}
    for name, value in (job | own | message["env"]).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


# ---- a runner: takes one file after the other from its worker ----


class Runner:
    def __init__(self, conversation):
        self.conversation = conversation

    def serve(self):
        self.send(type="ready", pid=os.getpid())
        for line in self.conversation.makefile("rb"):
            message = json.loads(line)
            if message["type"] == "run":
                self.run(message)
            elif message["type"] == "stop":
                self.send(type="stopped", errors=[])
                return

    def send(self, **message):
        self.conversation.sendall(json.dumps(message).encode() + b"\n")

    def run(self, message):
        started = time.monotonic()
        os.environ["GORGON_ATTEMPT"] = str(message["attempt"])
        errors, passed = [], True
        try:
            with open(message["file"], encoding="utf-8", errors="replace") as file:
                commands = [(number, line.strip()) for number, line in enumerate(file, 1) if line.strip()]
        except OSError as error:
            errors.append({"stage": "load", "class": "OSError", "message": str(error), "backtrace": []})
            commands = []
        if any(message.get(key) for key in ("places", "names", "tags")):
            errors.append({"stage": "selection", "class": "ArgumentError", "message": "commands have no names and tags",
                           "backtrace": []})
            commands = []
        for number, command in commands:
            if is_selected(str(number), message):
                passed = self.run_case(str(number), command, f"{message['file']}:{number}") and passed
        self.send(type="unit_finished", unit=message["unit"], verdict="passed" if passed and not errors else "failed",
                  errors=errors, seconds=time.monotonic() - started, rss_kb=0, seed=0, replace=False)

    def run_case(self, number, command, location):
        case = {"id": number, "name": command, "location": location}
        failure, output, seconds = None, None, 0
        if command != ":":
            self.send(type="case_started", **case)
            before, started = os.fstat(1).st_size, time.monotonic()
            code = subprocess.run(command, shell=True).returncode
            after, seconds = os.fstat(1).st_size, time.monotonic() - started
            output = [before, after] if after > before else None
            if code != 0:
                failure = {"stage": "assertion", "class": "", "message": describe(code), "backtrace": [location]}
        self.send(type="case", **case, status="failed" if failure else "passed", seconds=seconds,
                  failure=failure, pending=None, output=output)
        return failure is None


def is_selected(number, message):
    if message.get("only"):
        return number in message["only"]
    return number not in (message.get("except") or [])


def describe(code):
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


if __name__ == "__main__":
    Host(socket.socket(fileno=int(os.environ["GORGON_HOST_FD"]))).serve()
