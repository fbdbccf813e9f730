"""A runner's process: how it comes to be one after the fork, its conversation with the worker, and how it ends.

It runs one unit. Two files in one process would share what they import under one name and what they change in modules,
and the second one's verdicts would depend on which file happened to come first. A fork costs milliseconds.
"""

import atexit
import ctypes
import json
import os
import signal
import sys
import threading
import traceback
import weakref

from gorgon_wire import Channel, clock, lines_of, text

PR_SET_PDEATHSIG = 1  # prctl(2)
# A real-time signal: no library handles one. The same as in Ruby's runners.
STACKS_SIGNAL = 57
STACKS_BYTES = 64 * 1024
PAGE_KB = os.sysconf("SC_PAGESIZE") // 1024
LIBC = ctypes.CDLL(None)


def settle(host_pid, message, output):
    """The place of a fresh fork among processes, its descriptors and its environment."""
    if message.get("cgroup"):
        try:
            with open(os.path.join(message["cgroup"], "cgroup.procs"), "w") as processes:
                processes.write("0")
        except OSError as error:  # Killing by process tree remains.
            print(f"gorgon: cannot join {message['cgroup']}: {error}", file=sys.stderr)
    os.setsid()
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != host_pid:
        os._exit(1)
    # What the host is to do at its exit is not for its runners: the first of them would remove everybody's temporary
    # folders.
    atexit._clear()
    for finalizer in list(weakref.finalize._registry):
        finalizer.atexit = False
    atexit.register(weakref.finalize._exitfunc)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.set_inheritable(output, False)
    # What a test prints must be in the file when its process is killed.
    sys.stdout.reconfigure(line_buffering=True)
    number = message["worker"]
    environment = {"GORGON_WORKER_ID": str(number), "TEST_ENV_NUMBER": "" if number == 1 else str(number)}
    for name, value in {**environment, **(message.get("env") or {})}.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class Conversation:
    """What a runner and its worker say to each other."""

    def __init__(self, descriptor):
        self.channel = Channel(descriptor)
        self.reader = os.fdopen(os.dup(descriptor), "rb")
        self.is_interrupted = False
        os.set_inheritable(descriptor, False)

    def begin(self):
        tell_stacks = StackTeller(self.channel).tell

        def obey(_, frame):
            if self.channel.is_own_process():
                # SIGTERM may come as soon as the stacks are told.
                signal.signal(signal.SIGTERM, self.interrupt)
                tell_stacks(frame)

        signal.signal(STACKS_SIGNAL, obey)
        self.channel.tell(type="ready", pid=os.getpid(), stacks_signal=STACKS_SIGNAL)

    def first_unit(self):
        """The `run` message."""
        while True:
            message = self.next_message()
            if message["type"] == "run":
                os.environ["GORGON_ATTEMPT"] = str(message.get("attempt", 1))
                return message

    def interrupt(self, *_):
        """The worker wants an end, whatever the unit does. Fixtures clean up; nobody reads the report any more. Processes
        that tests fork and terminate end by it as anywhere."""
        if not self.channel.is_own_process():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self.is_interrupted = True
        raise KeyboardInterrupt

    def next_message(self):
        """Ends the process after `stop`, and when there is none to come."""
        try:
            line = self.reader.readline()
        except OSError:
            line = b""
        if not line:
            os._exit(1)  # The worker is gone, and with it everybody who could want our hooks.
        message = json.loads(line)
        if message["type"] == "stop":
            self.channel.tell(type="stopped", errors=[])
            leave()
        return message

    def end(self, run, report, started):
        """Tells what came of the unit, waits for `stop`, and ends the process."""
        is_passed = not report.errors and not report.has_failed
        self.channel.tell(type="unit_finished", unit=run["unit"], verdict="passed" if is_passed else "failed",
                          errors=report.errors, seconds=clock() - started, rss_kb=rss_kb(), replace=True)
        while not self.is_interrupted:
            self.next_message()
        leave()


def rss_kb():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * PAGE_KB
    except OSError:
        return 0


def leave():
    """Ends the process as Python would, without taking apart the modules: what the host has made must stay, for example
    temporary folders, which are removed when their objects go."""
    code = 0
    try:
        threading._shutdown()  # Waits for threads that are no daemons.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        code = 1
    os._exit(code)


class StackTeller:
    """Says where every thread is, when the worker asks by a signal, before it kills a unit that hangs."""

    def __init__(self, channel):
        self.channel = channel
        # Tests may replace these.
        self.frames, self.threads, self.start = sys._current_frames, threading.enumerate, threading.Thread

    def tell(self, interrupted):
        """Runs in the main thread, wherever that is. It may be in the middle of a message, and must not wait for its end
        here: a thread of its own does."""
        threads = self.take(interrupted)
        self.start(target=lambda: self.channel.tell(type="stacks", threads=threads), daemon=True).start()

    def take(self, interrupted):
        """The main thread first."""
        main = threading.main_thread().ident
        names = {thread.ident: thread.name for thread in self.threads()}
        frames = self.frames()
        frames[main] = interrupted
        threads, left = [], STACKS_BYTES
        for ident in sorted(frames, key=lambda ident: ident != main):
            lines = [text(line) for line in lines_of(traceback.walk_stack(frames[ident]))]
            left -= sum(len(line) for line in lines)
            if left < 0 and threads:
                break
            threads.append({"main": ident == main, "name": text(names.get(ident, "")), "status": "run",
                            "backtrace": lines})
        return threads
