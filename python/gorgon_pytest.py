"""pytest as the runner of single files: the plugin through which the host waits, a runner starts, and a unit reports.

Everything goes through pytest's hooks. In the host pytest has read its configuration and loaded its plugins and the first
conftest files, and stands before its main function; a runner is a fork of that, and lets pytest go on, with one file.
"""

import importlib
import os
import platform
import sys
import traceback

import pytest

from gorgon_runner import Conversation, settle
from gorgon_selection import Selection
from gorgon_wire import MESSAGE_BYTES, NAME_BYTES, backtrace_of, clock, error_of, message_of, plain_error, text

GOOD_EXIT_CODES = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def run_pytest(host):
    """Gives pytest's exit code when it did not come to its main function; ends the process otherwise."""
    return pytest.main(host.init.get("arguments") or [], plugins=[Starter(host)])


class Starter:
    """From the host to the end of a runner."""

    def __init__(self, host):
        self.host = host

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config):
        known = early_config.known_args_namespace
        known.no_cov = True  # Of pytest-cov: each file would overwrite the others' data.
        # Which conftest files are loaded at once, and may have options of their own: as for `pytest FOLDER ...`.
        known.file_or_dir = known.file_or_dir or self.host.init.get("folders") or []
        yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config):
        capture = config.pluginmanager.getplugin("capturemanager")
        if capture:
            capture.stop_global_capturing()  # Its temporary files would be common to all runners.
        self.preload()
        sys.stdout.flush()
        self.host.tell_ready(f"python {platform.python_version()}, pytest {pytest.__version__}")
        fork, descriptor, output = self.host.serve()
        # From here on this is a runner. It does not come back.
        try:
            settle(self.host.pid, fork, output)
            if capture:
                capture.start_global_capturing()
                capture.suspend_global_capture()
            conversation = Conversation(descriptor)
            conversation.begin()
            run, started = conversation.first_unit(), clock()
            report = UnitReport(conversation.channel, output, run)
            if not is_inside(run["file"]):
                report.errors.append(plain_error("load", "", f"{run['file']!r} is not a path within the workspace"))
                conversation.end(run, report, started)
            config.args = [run["file"]]
            restrict_to_one_file(config)
            config.pluginmanager.register(report, "gorgon")
            outcome = yield
            report.close(outcome)
            conversation.end(run, report, started)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def preload(self):
        sys.path.insert(0, os.getcwd())  # As for `python -m`.
        for module in self.host.init.get("preload") or []:
            try:
                importlib.import_module(module)
            except Exception as error:
                self.host.fail("preload", error_of("preload", error))
        sys.path.remove(os.getcwd())


def is_inside(file):
    """Whether it can only be a file of the workspace, links in it aside. Whoever may name units may run what is there, and
    nothing else on this machine."""
    return bool(file) and not file.startswith("/") and "\0" not in file and ".." not in file.split("/")


def restrict_to_one_file(config):
    """Options that are about a whole run: to stop it early, to write its report, to share it out, to debug it."""
    whole_run = {"maxfail": 0, "xmlpath": None, "usepdb": False, "trace": False,
                 "numprocesses": None, "dist": "no", "tx": []}  # The last three are pytest-xdist's.
    for name, value in whole_run.items():
        if hasattr(config.option, name):
            setattr(config.option, name, value)


class Case:
    """One that runs."""

    def __init__(self, case_id, name, location, output_from):
        self.fields = {"id": case_id, "name": name, "location": location}
        self.output_from = output_from
        self.reports = []  # Of its phases: setup, call, teardown.
        self.raised = {}  # Phase to its exception.


class UnitReport:
    """A plugin for the time of one unit: tells what pytest says of its cases, and keeps what went wrong outside of them."""

    def __init__(self, channel, output, run):
        self.channel = channel
        self.output = output
        self.file = run["file"]
        self.selection = Selection(run)
        self.errors = []
        self.has_failed = False
        self.open = {}  # By pytest's id.
        self.undecided = {}  # Those that have ended without a verdict, to be run again.
        self.starts = {}  # How often one has started; ids that two cases share occur.
        self.waiting = []  # Ids of the cases that are to run.

    # ---- collection ----

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session):
        if session.config.pluginmanager.has_plugin("terminalreporter"):
            # pytest's own display would be among the output of the tests. Other plugins need the reporter itself.
            session.config.get_terminal_writer()._file = open(os.devnull, "w")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session):
        """pytest runs a file that is named on its command line, even if the project leaves it out of its runs."""
        if self.is_ignored(session):
            session.config.args = []

    def is_ignored(self, session):
        folder = session.config.invocation_params.dir
        for name in self.file.split("/"):
            path = folder / name
            try:
                hook = session.gethookproxy(folder)
                if hook.pytest_ignore_collect(collection_path=path, config=session.config):
                    return True
            except Exception:
                return False  # A conftest file that is broken: the collection will say so.
            folder = path
        return False

    def pytest_collectreport(self, report):
        if report.failed:
            self.errors.append(plain_error("load", "", report.longreprtext))
        elif report.skipped:  # The whole module. pytest counts it as one.
            self.tell_case({"id": report.nodeid, "name": name_of(report.nodeid), "location": report.nodeid.split("::")[0]},
                           status="skipped", pending=skip_reason(report))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config, items):
        self.selection.look_at(self.file, items)
        yield
        self.errors += [plain_error("selection", "", problem) for problem in self.selection.problems]
        starts = {}
        kept, left_out = [], []
        for item in items:
            case_id = numbered(item.nodeid, starts)
            is_wanted = self.selection.takes(item, case_id, name_of(item.nodeid))
            (kept if is_wanted else left_out).append(item)
            if is_wanted:
                self.waiting.append(case_id)
        if left_out:
            items[:] = kept
            config.hook.pytest_deselected(items=left_out)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        # What failed last is for the whole suite, and only one process may write it.
        for name in ("lfplugin", "nfplugin"):
            plugin = session.config.pluginmanager.get_plugin(name)
            if plugin is not None:
                session.config.pluginmanager.unregister(plugin)

    # ---- cases ----

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid, location):
        if nodeid in self.undecided:
            self.open[nodeid] = self.undecided.pop(nodeid)
            return
        file, line = location[0], location[1]
        case = Case(numbered(nodeid, self.starts), name_of(nodeid), file if line is None else f"{file}:{line + 1}",
                    self.output_bytes())
        self.open[nodeid] = case
        self.channel.tell(type="case_started", **case.fields)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        case = self.open.get(item.nodeid)
        if case and call.excinfo is not None and not outcome.excinfo:
            case.raised[call.when] = call.excinfo.value

    def pytest_runtest_logreport(self, report):
        case = self.open.get(report.nodeid)
        if case is None:
            return
        if report.outcome == "rerun":  # Of pytest-rerunfailures and its like: the last try counts.
            case.reports.clear()
        else:
            case.reports.append(report)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid):
        case = self.open.pop(nodeid)
        if not case.reports:
            self.undecided[nodeid] = case
            return
        self.write_output(case)
        failures = [report for report in case.reports if report.failed]
        first = failures[0] if failures else None
        for report in failures[1:]:
            self.errors.append(self.failure_of(case, report, "outside"))
        status, pending = status_of(case.reports, first)
        self.tell_case(case.fields, status, pending, seconds=sum(report.duration for report in case.reports),
                       failure=self.failure_of(case, first) if first else None, output_from=case.output_from)

    def write_output(self, case):
        """What pytest has captured goes where it would have gone: the worker takes it from there."""
        sys.stdout.flush()
        for _, content in case.reports[-1].sections:
            if content:
                line_end = "" if content.endswith("\n") else "\n"
                self.channel.write_all(self.output, text(content + line_end).encode())

    def output_bytes(self):
        return self.channel.size(self.output).st_size

    def failure_of(self, case, report, stage=None):
        exception = case.raised.get(report.when)
        display = report.longreprtext
        if exception is None:  # A test that passes and was to fail, strictly.
            return plain_error(stage or "assertion", "", display, display=display)
        is_assertion = isinstance(exception, (AssertionError, pytest.fail.Exception))
        # Errors of pytest's own, as of an unknown fixture, explain themselves there only.
        message = message_of(exception) if getattr(report.longrepr, "reprcrash", None) else display
        return plain_error(stage or ("assertion" if is_assertion else "case"), type(exception).__name__, message,
                           backtrace_of(exception), display)

    def tell_case(self, fields, status, pending=None, seconds=0.0, failure=None, output_from=None):
        self.has_failed = self.has_failed or status in ("failed", "error")
        if fields["id"] in self.waiting:
            self.waiting.remove(fields["id"])
        to = self.output_bytes()
        self.channel.tell(type="case", **fields, status=status, seconds=seconds, failure=failure,
                          pending=pending and text(pending, MESSAGE_BYTES),
                          output=[output_from, to] if output_from is not None and output_from < to else None)

    # ---- the end ----

    def pytest_internalerror(self, excinfo):
        self.errors.append(error_of("outside", excinfo.value))

    def pytest_keyboard_interrupt(self, excinfo):
        if isinstance(excinfo.value, pytest.Session.Interrupted):  # By errors that are known, or by a plugin.
            if not self.errors:
                self.errors.append(plain_error("outside", "", message_of(excinfo.value)))
            return
        failure = error_of("exit", excinfo.value)
        for case in self.open.values():
            self.tell_case(case.fields, "error", failure=failure, output_from=case.output_from)
        self.open.clear()
        self.errors.append({**failure, "message": f"{failure['message']} (while {self.file} ran)"})

    def close(self, outcome):
        """`outcome` is that of pytest's main function. No case may be missing, whatever plugins do."""
        if outcome.excinfo is not None:
            self.errors.append(error_of("suite", outcome.excinfo[1]))
            return
        if self.errors:
            return
        code = outcome.get_result()
        if self.waiting:
            self.errors.append(plain_error("outside", "", (
                f"pytest ended with exit code {int(code)} without a verdict on {', '.join(self.waiting)}")))
        elif code not in GOOD_EXIT_CODES and not self.has_failed:
            self.errors.append(plain_error("suite", "", (
                f"pytest ended with exit code {int(code)}, though no case has failed")))


def numbered(nodeid, starts):
    """The id of the next case of this name."""
    starts[nodeid] = starts.get(nodeid, 0) + 1
    return text(nodeid) if starts[nodeid] == 1 else f"{text(nodeid)}~{starts[nodeid]}"


def name_of(nodeid):
    """Without the file, which everybody knows."""
    return text(nodeid.split("::", 1)[-1], NAME_BYTES)


def status_of(reports, failure):
    """Of a case, from the reports of its phases and the first of them that has failed; and why it is pending."""
    if failure:
        return ("failed" if failure.when == "call" else "error"), None
    for report in reports:
        if hasattr(report, "wasxfail") and report.skipped:
            return "pending", report.wasxfail.replace("reason: ", "", 1)
        if report.skipped:
            return "skipped", skip_reason(report)
    return "passed", None


def skip_reason(report):
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return reason.replace("Skipped: ", "", 1)
