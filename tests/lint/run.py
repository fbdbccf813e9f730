#!/usr/bin/env python3
"""Checks what a compiler does not: run.py [--gorgon PROGRAM] [CHECK...]. Without a name: all of them.

Each check is a function that yields "file:line: what is wrong". The tests of the checks are in run_test.py.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The folders of src/. A file includes its own folder and those of lower levels.
LEVELS = {
    "base": 0,
    "config": 1, "results": 1,
    "plan": 2, "sync": 2, "protocol": 2, "broker": 2, "runner": 2, "command_host": 2, "report": 2,
    "worker": 3, "originator": 3, "history": 3,
    "listener": 4, "web": 4, "doctor": 4,
    "cli": 5,
}

# Foreign headers behind one door: header pattern, the files that may include it, what to include instead.
DOORS = [
    (r"amqp.*|rabbitmq-c/.*", r"src/broker/amqp/.*", "broker/broker.h"),
    (r"nlohmann/json\.hpp", r".*\.cc|src/base/json\.h", "nlohmann/json_fwd.hpp, and JSON in the .cc"),
    (r"sodium.*", r"src/base/(signature|digest|secret|base64)\.cc", "a header of base/"),
    (r"boost/beast.*", r"src/web/.*", "web/server.h"),
    (r"expat.*\.h", r"src/command_host/junit\.cc", "command_host/junit.h"),
    (r"sqlite3\.h", r"src/history/database\.cc", "history/database.h"),
    (r"spawn\.h", r"src/base/.*", "base/subprocess.h"),
    (r"CLI/.*", r"src/cli/.*", "the options as a struct"),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Tree:
    """The files of the repository: those that git knows or would add, as paths relative to its root."""

    def __init__(self, root=ROOT, names=None):
        self.root = root
        self.names = names if names is not None else list(self._names())

    def _names(self):
        listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=self.root, capture_output=True,
                                check=False)
        if listed.returncode == 0:
            names = listed.stdout.decode().split("\0")
        else:  # An unpacked archive, or a clone that belongs to someone else.
            names = [str(path.relative_to(self.root)) for path in self.root.rglob("*")]
            names = [name for name in names if not re.match(r"(build|\.git|tmp)/", name)]
        return sorted(name for name in names if name and (self.root / name).is_file())

    def matching(self, pattern):
        return [name for name in self.names if re.fullmatch(pattern, name)]

    def text(self, name):
        return (self.root / name).read_bytes().decode(errors="replace")

    def lines(self, name):
        """(number, line) pairs, from 1."""
        return enumerate(self.text(name).splitlines(), 1)

    def exists(self, name):
        return (self.root / name).exists()


def check_includes(tree):
    for name in tree.matching(r"src/.*\.(h|cc)"):
        folder = name.split("/")[1]
        if folder not in LEVELS:
            yield f"{name}:1: the folder {folder} has no level: give it one in tests/lint/run.py"
            continue
        for number, line in tree.lines(name):
            include = INCLUDE.match(line)
            if not include:
                continue
            problem = foreign_problem(name, include[2]) or own_problem(folder, name, *include.groups())
            if problem:
                yield f"{name}:{number}: {problem}"


def foreign_problem(name, header):
    for pattern, allowed, instead in DOORS:
        if re.fullmatch(pattern, header) and not re.fullmatch(allowed, name):
            return f"<{header}> has no business here: include {instead}"
    return None


def own_problem(folder, name, quote, header):
    other = header.split("/")[0]
    if quote != '"':
        return None
    if other not in LEVELS:
        if name.endswith("_test.cc") and other == "support":
            return None
        return f'"{header}": name it from src/'
    if other != folder and LEVELS[other] >= LEVELS[folder]:
        return f"{folder} (level {LEVELS[folder]}) may not include {other} (level {LEVELS[other]})"
    return None


def check_headers(tree):
    for name in tree.matching(r"(src|tests)/.*\.h"):
        if "#pragma once" not in tree.text(name):
            yield f"{name}:1: no #pragma once"
        for number, line in tree.lines(name):
            if re.match(r"\s*using namespace (?!std::\w*literals\b)", line):
                yield f"{name}:{number}: using namespace in a header"


def check_shell(tree):
    """Programs are started from an argv, never through a shell."""
    for name in tree.matching(r"src/.*\.(h|cc)"):
        for number, line in tree.lines(name):
            if re.search(r"std::system\s*\(|(?<![\w.>])popen\s*\(", line.split("//")[0]):
                yield f"{name}:{number}: starts a shell: use base/subprocess.h"


def check_coroutines(tree):
    """What GCC 12 miscompiles: it builds or destroys such temporaries twice, or not at all."""
    for name in tree.matching(r"src/.*\.(h|cc)"):
        code = without_comments_and_strings(tree.text(name))
        problems = set()
        for found in re.finditer(r"\bco_await\b", code):
            start, end = full_expression(code, found.start())
            if "?" in without_lambdas(code[start:end]):
                problems.add((found.start(), "?: in an expression with co_await: use if, or name the operand first"))
            operand = without_lambdas(code[found.end():operand_end(code, found.end())])
            if "{" in operand:
                problems.add((found.start(), "a braced temporary in a co_await expression: name it first"))
        for found in re.finditer(r"\bTask<[^;{}()]*>\s+[\w:]+(?=\()", code):
            parameters = code[found.end():closing(code, found.end())]
            if re.search(r"=\s*[\w:<>]*\{", parameters):
                problems.add((found.start(), "a braced default argument of a coroutine: overload it instead"))
        for place, problem in sorted(problems):
            yield f"{name}:{code.count(chr(10), 0, place) + 1}: {problem}"


def without_comments_and_strings(text):
    """The same text, of the same length, with blanks in them."""
    literal = r'R"(\w*)\((?s:.*?)\)\1"|"(?:[^"\\\n]|\\.)*"|(?<!\w)\'(?:[^\'\\\n]|\\.)+\''
    return re.sub(rf"//[^\n]*|/\*(?s:.*?)\*/|{literal}", lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def closing(code, opening):
    """Where the bracket at `opening` is closed."""
    depth = 0
    for place in range(opening, len(code)):
        if code[place] in "([{":
            depth += 1
        elif code[place] in ")]}":
            depth -= 1
            if depth == 0:
                return place
    return len(code)


def full_expression(code, place):
    """From the beginning to the end of the statement, or the condition, that holds `place`."""
    depth = 0
    start = place
    while start > 0:
        before = code[start - 1]
        if before in ")]":
            depth += 1
        elif before in "([" and depth > 0:
            depth -= 1
        elif before in ";{}" and depth == 0:
            break
        elif before == "(" and re.search(r"\b(if|while|for|switch)\s*$", code[:start - 1][-20:]):
            return start, closing(code, start - 1)
        start -= 1
    depth = 0
    for end in range(place, len(code)):
        if code[end] in "([{":
            depth += 1
        elif code[end] in ")]}":
            depth -= 1
            if code[end] == "}" and depth < 0:
                return start, end
        elif code[end] == ";" and depth <= 0:
            return start, end
    return start, len(code)


def operand_end(code, start):
    """Where the operand that begins at `start` ends: names, members, calls and template arguments."""
    place = start
    while place < len(code):
        token = re.compile(r"\s+|[\w~]+|::|\.|->|<[\w:<>,\s*&]*>(?=\()|[*&](?=[\w(*])").match(code, place)
        if token and not (token[0] in "*&" and code[start:place].strip()):
            place = token.end()
        elif code[place] in "([{":
            place = closing(code, place) + 1
        else:
            break
    return place


def without_lambdas(code):
    """Without their bodies, which are expressions of their own."""
    while True:
        body = re.search(r"(?:^|[(,=\s])\[[^\[\]]*\]\s*(?:\([^{}]*?\))?[^{}(),;]*\{", code)
        if not body:
            return code
        opening = body.end() - 1
        introducer = body.start() + body[0].index("[")
        code = code[:introducer] + code[closing(code, opening) + 1:]


def check_paths(tree):
    """Nothing names a folder of the machine that it was written on."""
    foreign = re.compile(r"(?<![\w.}\)])/(root|work/(main|wt)|home/(?!USER\b|someone\b)\w+)/")
    for name in tree.names:
        if name.startswith("tests/lint/"):
            continue
        for number, line in tree.lines(name):
            found = foreign.search(line)
            if found:
                yield f"{name}:{number}: a path of one machine: {found[0]}"


def check_whitespace(tree):
    for name in tree.matching(r".*\.(h|cc|cmake|rb|py|md|json)|.*CMakeLists\.txt|script/.*"):
        text = tree.text(name)
        if name.startswith("tests/fixtures/"):
            continue
        if text and not text.endswith("\n"):
            yield f"{name}:{text.count(chr(10)) + 1}: no newline at the end"
        for number, line in tree.lines(name):
            if line != line.rstrip():
                yield f"{name}:{number}: white space at the end"
            if "\t" in line:
                yield f"{name}:{number}: a tab"


def check_links(tree):
    """Links between documents, and the names of files in `backticks`, lead somewhere."""
    for name in tree.matching(r"[^/]*\.md|(docs|examples)/.*\.md"):
        fenced = False
        for number, line in tree.lines(name):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            if fenced:
                continue
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                problem = link_problem(tree, name, target)
                if problem:
                    yield f"{name}:{number}: {problem}"
            for path in re.findall(r"`((?:src|docs|tests|script|ruby|examples|cmake|gem|bench)/[\w./-]+)`", line):
                if not tree.exists(path.rstrip("/")):
                    yield f"{name}:{number}: there is no {path}"


def link_problem(tree, name, target):
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = (tree.root / name).parent / path if path else tree.root / name
    if not file.exists():
        return f"the link leads nowhere: {target}"
    if anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
        return f"{path or name} has no heading #{anchor}"
    return None


def anchors(text):
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+\s+(.*?)\s*#*$", text, re.MULTILINE)
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower())) for heading in headings}


def check_ruby(tree):
    """What ships is valid Ruby without warnings. Files of test suites may be broken on purpose."""
    for name in tree.matching(r"(ruby|gem|examples)/.*\.rb"):
        checked = subprocess.run(["ruby", "-wc", name], cwd=tree.root, capture_output=True, text=True, check=False)
        for line in checked.stderr.splitlines():
            yield line


def check_options(tree, gorgon):
    """The prose of the manual page names no option that there is not. (Its lists of options are made from those of the
    program, when that is built.)"""
    program = [str(gorgon)]
    known = {"--help", "--version"}
    for command in commands_of(help_of(program)):
        known |= options_of(help_of([*program, command]))
    for number, line in tree.lines("docs/man/gorgon.1.in"):
        for option in sorted(options_of(without_fonts(line)) - known):
            yield f"docs/man/gorgon.1.in:{number}: gorgon has no {option}"


def without_fonts(text):
    return re.sub(r"\\f[BIRP]|\\&", "", text).replace("\\-", "-")


def help_of(program):
    shown = subprocess.run([*program, "--help"], capture_output=True, text=True, check=False, timeout=60)
    if shown.returncode != 0:
        raise SystemExit(f"{' '.join(program)} --help: exit code {shown.returncode}\n{shown.stderr}")
    return shown.stdout


def commands_of(text):
    listed = re.search(r"^Subcommands:\n((?:  .*\n?)*)", text, re.MULTILINE)
    return re.findall(r"^  ([a-z_-]+)", listed[1], re.MULTILINE) if listed else []


def options_of(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


CHECKS = {name.removeprefix("check_"): function for name, function in list(globals().items())
          if name.startswith("check_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gorgon", type=pathlib.Path, help="the program whose --help the check `options` reads")
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    arguments = parser.parse_args()
    unknown = set(arguments.checks) - CHECKS.keys()
    if unknown:
        parser.error(f"no such check: {', '.join(sorted(unknown))}")
    chosen = arguments.checks or [name for name in CHECKS if name != "options" or arguments.gorgon]

    tree = Tree()
    problems = []
    for name in chosen:
        extra = [arguments.gorgon] if name == "options" else []
        problems += [f"{problem} [{name}]" for problem in CHECKS[name](tree, *extra)]
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{len(chosen)} checks, {len(tree.names)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
