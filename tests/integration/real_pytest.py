"""Suites of pytest, from Debian packages and from here, and what pytest itself says of them.

    python3 real_pytest.py prepare PACKAGE FOLDER     copies the package with its tests to FOLDER
    python3 real_pytest.py alone FOLDER [FILE ...]    runs pytest there; prints a JSON array of cases, each an array of texts
    python3 real_pytest.py ours EVENTS                the same rows from the JSON events of a run of Gorgon

A row is [id, status].
"""

import importlib.util
import json
import os
import shutil
import sys

import pytest

# In the order in which one goes before another, when a case has several: `passed`, and an error in its teardown.
STATUS_OF = {"failed": "failed", "error": "error", "skipped": "skipped", "xfailed": "pending", "xpassed": "passed",
             "passed": "passed"}


def prepare(package, folder):
    source = os.path.dirname(importlib.util.find_spec(package).origin)
    shutil.copytree(source, os.path.join(folder, package), ignore=shutil.ignore_patterns("__pycache__"))


class Recorder:
    """What the terminal reporter counts."""

    def pytest_sessionfinish(self, session):
        stats = session.config.pluginmanager.getplugin("terminalreporter").stats
        self.rows = {}
        for word, status in STATUS_OF.items():
            for report in stats.get(word, []):
                # Errors of files as a whole are no cases.
                if word != "error" or isinstance(report, pytest.TestReport):
                    self.rows.setdefault(report.nodeid, status)


def alone(folder, *files):
    os.chdir(folder)
    recorder = Recorder()
    real, sys.stdout = sys.stdout, sys.stderr
    pytest.main(["-p", "no:cacheprovider", *files], plugins=[recorder])
    sys.stdout = real
    return sorted(recorder.rows.items())


def ours(events):
    with open(events, encoding="utf-8") as lines:
        read = [json.loads(line) for line in lines]
    return sorted((event["id"], event["status"]) for event in read if event["event"] == "case_finished")


if __name__ == "__main__":
    result = {"prepare": prepare, "alone": alone, "ours": ours}[sys.argv[1]](*sys.argv[2:])
    if result is not None:
        print(json.dumps(result))
