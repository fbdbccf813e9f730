"""What crosses the process boundary: JSON messages, text made safe, exceptions as error objects."""

import itertools
import json
import os
import re
import threading
import time
import traceback

MESSAGE_BYTES = 64 * 1024
NAME_BYTES = 4 * 1024
BACKTRACE_LINES = 200
# Frames of pytest and ours, which are on every stack.
OWN_FRAME = re.compile(r"/(?:_pytest|pluggy)/|/gorgon_(?:main|host|runner|pytest|selection|wire)\.py$")
SHOWN_REPEATS = 3
SURROGATES = re.compile("[\ud800-\udfff]")


def clock():
    """Seconds. Libraries that freeze the time for tests leave this function alone."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def text(value, limit=None):
    """As text that can be written in UTF-8. Longer than `limit` bytes: cut, and says so."""
    result = SURROGATES.sub("\ufffd", value if isinstance(value, str) else str(value))
    if limit is None or len(result) * 4 <= limit:
        return result
    encoded = result.encode()
    if len(encoded) <= limit:
        return result
    return f"{encoded[:limit].decode(errors='ignore')}\n[cut: {len(encoded)} bytes, showing the first {limit}]"


def plain_error(stage, kind, message, backtrace=(), display=None):
    """The protocol's error object. `kind` names a class; `display` is the failure as pytest prints it."""
    lines = [text(line, NAME_BYTES) for line in backtrace[:BACKTRACE_LINES]]
    if len(backtrace) > BACKTRACE_LINES:
        lines.append(f"[cut: {len(backtrace) - BACKTRACE_LINES} more lines]")
    error = {"stage": stage, "class": text(kind, NAME_BYTES), "message": text(message, MESSAGE_BYTES), "backtrace": lines}
    if display:
        error["display"] = text(display, MESSAGE_BYTES)
    return error


def error_of(stage, exception):
    return plain_error(stage, type(exception).__name__, message_of(exception), backtrace_of(exception))


def message_of(exception):
    try:
        return str(exception)
    except Exception as error:  # Whatever a project's __str__ may do.
        return f"(its __str__ raised {type(error).__name__})"


def backtrace_of(exception):
    """The innermost frame first."""
    return lines_of(reversed(list(traceback.walk_tb(exception.__traceback__))))


def lines_of(walk):
    """Of what traceback.walk_tb() or walk_stack() give, in that order; the tail of a recursion is cut short."""
    frames = traceback.StackSummary.extract(walk, lookup_lines=False)
    lines = []
    for line, group in itertools.groupby(f"{frame.filename}:{frame.lineno}:in {frame.name}" for frame in frames
                                         if not OWN_FRAME.search(frame.filename)):
        count = len(list(group))
        lines += [line] * min(count, SHOWN_REPEATS)
        if count > SHOWN_REPEATS:
            lines.append(f"[the same {count - SHOWN_REPEATS} times more]")
    return lines


class Channel:
    """Sends messages as the process that has made it, and only as that.

    Tests may replace what the modules of the standard library offer, the clock and the file system included, in this
    module, too; what an instance holds stays as it was."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.pid = os.getpid()
        self.lock = threading.Lock()  # So that messages of several threads do not mix.
        self.encode = json.JSONEncoder().encode
        self.write, self.size, self.getpid, self.leave = os.write, os.fstat, os.getpid, os._exit

    def is_own_process(self):
        return self.getpid() == self.pid

    def tell(self, **message):
        """One message. It is on the wire when this returns, so that whatever kills the process later cannot take it
        along. A child that a test has forked and let fall through ends here, quietly: all that it could report, its parent
        reports, too. When nobody listens any more, there is nothing left to do either."""
        if not self.is_own_process():
            self.leave(0)
        line = self.encode(message).encode() + b"\n"
        try:
            with self.lock:
                self.write_all(self.descriptor, line)
        except OSError:
            self.leave(1)

    def write_all(self, descriptor, data):
        while data:
            data = data[self.write(descriptor, data):]
