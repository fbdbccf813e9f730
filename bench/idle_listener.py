"""A listener that waits for jobs, for a measurement."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

GORGON = str(pathlib.Path(__file__).resolve().parent.parent / "build/release/gorgon")


@contextlib.contextmanager
def idle_listener(home, connection, slots, project):
    home.mkdir()
    (home / "gorgon_listener.json").write_text(json.dumps(connection | {"worker_slots": slots}))
    with open(home / "log", "wb") as log:
        listener = subprocess.Popen(
            [GORGON, "listen", "--foreground"], cwd=home, env=os.environ | {"HOME": str(home)},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )
        try:
            deadline = time.monotonic() + 60
            while subprocess.run([GORGON, "ping"], cwd=project, capture_output=True).returncode != 0:
                if time.monotonic() > deadline:
                    sys.exit("the listener does not answer:\n" + (home / "log").read_text())
            yield
        finally:
            listener.terminate()
            listener.wait()
