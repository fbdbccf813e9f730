"""How many cases have run, by what a command has printed."""

import json
import re


def rspec_count(output):
    """The last summary; parallel_tests adds one for all its processes."""
    return int(re.findall(r"(\d+) examples, 0 failures", output)[-1])


def pytest_count(output):
    summary = output.strip().splitlines()[-1]
    return sum(int(count) for count, _ in re.findall(r"(\d+) (passed|skipped|xfailed|xpassed)", summary))


def gorgon_count(output):
    return json.loads(output.splitlines()[-1])["cases"]
