#!/usr/bin/env python3
"""Each check finds what it is there to find, and leaves the rest alone."""
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.names = []

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.names.append(name)

    def problems(self, check, *extra):
        return list(run.CHECKS[check](run.Tree(self.root, self.names), *extra))

    def test_a_folder_includes_itself_and_lower_levels(self):
        self.write("src/plan/schedule.cc", '#include "plan/schedule.h"\n#include "base/text.h"\n#include <vector>\n')
        self.assertEqual([], self.problems("includes"))

    def test_a_folder_does_not_include_its_neighbour_or_a_higher_one(self):
        self.write("src/plan/schedule.cc", '#include "base/text.h"\n#include "sync/rsync.h"\n#include "cli/commands.h"\n')
        self.assertEqual(["src/plan/schedule.cc:2: plan (level 2) may not include sync (level 2)",
                          "src/plan/schedule.cc:3: plan (level 2) may not include cli (level 5)"],
                         self.problems("includes"))

    def test_a_new_folder_must_have_a_level(self):
        self.write("src/misc/things.h", "")
        self.assertEqual(1, len(self.problems("includes")))

    def test_includes_are_named_from_src(self):
        self.write("src/plan/schedule.cc", '#include "schedule.h"\n')
        self.assertEqual(['src/plan/schedule.cc:1: "schedule.h": name it from src/'], self.problems("includes"))

    def test_only_tests_use_the_test_support(self):
        self.write("src/broker/contract_test.cc", '#include "support/rabbitmq.h"\n')
        self.assertEqual([], self.problems("includes"))
        self.write("src/broker/broker.cc", '#include "support/rabbitmq.h"\n')
        self.assertEqual(1, len(self.problems("includes")))

    def test_foreign_headers_stay_behind_their_door(self):
        self.write("src/broker/amqp/connection.cc", "#include <amqp.h>\n")
        self.write("src/base/json.h", "#include <nlohmann/json.hpp>\n")
        self.write("src/protocol/codec.cc", "#include <nlohmann/json.hpp>\n")
        self.assertEqual([], self.problems("includes"))
        self.write("src/broker/broker.h", "#include <amqp.h>\n")
        self.write("src/protocol/codec.h", "#include <nlohmann/json.hpp>\n")
        self.write("src/worker/worker.cc", "  #  include <spawn.h>\n")
        self.assertEqual(3, len(self.problems("includes")))

    def test_headers_are_guarded(self):
        self.write("src/base/a.h", "#pragma once\n")
        self.assertEqual([], self.problems("headers"))
        self.write("src/base/b.h", "using namespace std;\n")
        self.assertEqual(2, len(self.problems("headers")))

    def test_no_shell(self):
        self.write("src/a.cc", "file_system(x); the.system(y); std::system_error e; // system(z)\n")
        self.assertEqual([], self.problems("shell"))
        self.write("src/b.cc", 'std::system("ls");\nif (popen(a, b)) {}\n')
        self.assertEqual(2, len(self.problems("shell")))

    def test_coroutines_avoid_what_gcc_12_miscompiles(self):
        for traps in ("auto x = a ? co_await f() : 0;", "if (co_await f() ? a : b) {}", "co_await f(a ? b : c);",
                      "co_await f({.a = 1});", "co_await f(x, Options{1});", "co_await a.b<C>(x)->d({});",
                      "co_await Wait{1};", "return spawn([=]() -> Task<void> { co_await f({}); });",
                      "Task<void> f(Options options = {});", "Task<Result<int>> A::f(int a, Options o = Options{1});"):
            self.write("src/a.cc", f"Task<void> g() {{\n{traps}\n}}\n")
            with self.subTest(traps):
                self.assertEqual(1, len(self.problems("coroutines")))
            self.names.clear()

    def test_coroutines_may_do_what_works(self):
        for fine in ("// co_await a ? b : c", 'co_await f("a ? {}");', "x = a ? b : c;\nco_await f(x);",
                     "if (a) co_await f();\nelse b({1});", "const A a{.b = co_await f()};",
                     "while (co_await f()) { g(a ? b : c, {}); }", "co_await f([&](int a) { return a ? B{} : C{}; });",
                     "for (auto& x : xs) co_await f(x);\ny = z ? 1 : 2;", "Task<void> f(int a = 1);",
                     "const bool late = co_await f(x) && g({1});"):
            self.write("src/a.cc", f"Task<void> g() {{\n{fine}\n}}\n")
            with self.subTest(fine):
                self.assertEqual([], self.problems("coroutines"))
            self.names.clear()

    def test_no_paths_of_one_machine(self):
        self.write("docs/a.md", "/home/USER/x, ~/.gorgon/root/, network/root/, /usr/lib/\n")
        self.assertEqual([], self.problems("paths"))
        self.write("docs/b.md", "see /home/alice/gorgon/README.md\n/root/.ssh/config\n")
        self.assertEqual(2, len(self.problems("paths")))

    def test_whitespace(self):
        self.write("a.md", "one\ntwo\n")
        self.assertEqual([], self.problems("whitespace"))
        self.write("b.md", "one \n\ttwo")
        self.assertEqual(3, len(self.problems("whitespace")))

    def test_links(self):
        self.write("docs/b.md", "# Exit codes, and `why`\n")
        self.write("docs/a.md", "[b](b.md) [why](b.md#exit-codes-and-why) [web](https://example.org) `docs/b.md`\n")
        self.assertEqual([], self.problems("links"))
        self.write("docs/c.md", "[b](../b.md)\n[why](b.md#because)\n`src/gone.cc`\n```\n[not](a link)\n```\n")
        self.assertEqual(["docs/c.md:1: the link leads nowhere: ../b.md", "docs/c.md:2: b.md has no heading #because",
                          "docs/c.md:3: there is no src/gone.cc"], self.problems("links"))

    def test_ruby(self):
        self.write("ruby/a.rb", "puts 1\n")
        self.assertEqual([], self.problems("ruby"))
        self.write("ruby/b.rb", "def\n")
        self.assertNotEqual([], self.problems("ruby"))

    def test_options(self):
        gorgon = self.root / "gorgon"
        gorgon.write_text('#!/bin/sh\ncase "$1" in\nlisten) echo "Options:\n  --slots N|auto";;\n'
                          '*) echo "Options:\n  -h,--help\n\nSubcommands:\n  listen   Offers slots";; esac\n')
        gorgon.chmod(0o755)
        self.write("docs/man/gorgon.1.in", ".SS gorgon listen\n.B \\-\\-slots\n@options@\n")
        self.assertEqual([], self.problems("options", gorgon))
        self.write("docs/man/gorgon.1.in", "\\fB\\-\\-slot\\fR \\-\\-help \\-\\-version\n")
        self.assertEqual(["docs/man/gorgon.1.in:1: gorgon has no --slot"], self.problems("options", gorgon))


if __name__ == "__main__":
    unittest.main()
