// What the command line says and with which code it ends: usage, configuration, selections, set-up
// commands.
#include <string>
#include <vector>

#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

class CommandTest : public LocalTest {
 protected:
  FinishedRun run(const std::vector<string>& arguments) {
    return cluster().gorgon(arguments, project().folder(), 30s);
  }
  Project project() { return Project(cluster().folder() / "project"); }
  void SetUp() override {
    LocalTest::SetUp();
    cluster().add_project("mixed");
  }
};

bool says(const string& text, const string& part) { return text.find(part) != string::npos; }

TEST_F(CommandTest, NothingThatMatchesTheConfigurationIsExitCodeThree) {
  cluster().configure(project(), R"("files": ["specs/**/*_spec.rb"])");
  const FinishedRun result = run({"start"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_TRUE(says(result.errors, "specs/**/*_spec.rb")) << result.errors;
}

TEST_F(CommandTest, EmptySelectionIsExitCodeFour) {
  EXPECT_EQ(run({"start", "lib"}).exit_code, 4);
  EXPECT_EQ(run({"start", "spec/no_such_*_spec.rb"}).exit_code, 4);
}

TEST_F(CommandTest, ConfigurationMistakesAreNamedAllAtOnce) {
  project().write("gorgon.json", "{\n  \"file\": [],\n  \"timeouts\": {\"unit\": []}\n}\n");
  const FinishedRun result = run({"start"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_TRUE(says(result.errors, "gorgon.json:2")) << result.errors;
  EXPECT_TRUE(says(result.errors, "did you mean \"files\"")) << result.errors;
  EXPECT_TRUE(says(result.errors, "gorgon.json:3: timeouts.unit")) << result.errors;
}

TEST_F(CommandTest, CommentsAndTrailingCommasAreAccepted) {
  project().write("gorgon.json",
                  "{\n  // which files\n  \"files\": [\"spec/stack_spec.rb\",], /* all */\n}\n");
  EXPECT_EQ(cluster().run(project()).exit_code, 0);
}

TEST_F(CommandTest, MissingConfigurationThatWasNamedIsAnError) {
  const FinishedRun result = run({"start", "--config", "other.json"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_TRUE(says(result.errors, "other.json")) << result.errors;
  EXPECT_FALSE(says(result.errors, "gorgon init")) << "it would write another file";
}

TEST_F(CommandTest, EveryCommandWantsTheConfigurationThatWasNamed) {
  // With a record, so that there is something to tell of.
  ASSERT_EQ(cluster().run(project(), {"spec/stack_spec.rb"}).exit_code, 0);
  const std::vector<std::vector<string>> commands = {{"start"},
                                                     {"list"},
                                                     {"rerun"},
                                                     {"resume"},
                                                     {"runs"},
                                                     {"slow"},
                                                     {"flaky"},
                                                     {"report", "--junit", "x.xml"},
                                                     {"replay-worker", "1", "here:1"},
                                                     {"bisect", "1", "spec/stack_spec.rb"},
                                                     {"quarantine"},
                                                     {"status"},
                                                     {"web"},
                                                     {"listen"},
                                                     {"install_listener", "--dry-run"}};
  for (std::vector<string> command : commands) {
    command.insert(command.end(), {"--config", "other.json"});
    const FinishedRun result = run(command);
    EXPECT_EQ(result.exit_code, 64) << command.front();
    EXPECT_TRUE(says(result.errors, "other.json does not exist")) << result.errors;
  }
}

TEST_F(CommandTest, UnknownOptionsAndCommandsSayTheNearest) {
  FinishedRun result = run({"start", "--mesage-format", "json"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_TRUE(says(result.errors, "--message-format")) << result.errors;
  result = run({"lisen"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_TRUE(says(result.errors, "gorgon listen")) << result.errors;
  EXPECT_EQ(run({"start", "-j", "0"}).exit_code, 64);
  EXPECT_EQ(run({"start", "--color", "blue"}).exit_code, 64);
}

TEST_F(CommandTest, HabitsFromElsewhereAreAnsweredWithOurWords) {
  const auto errors = [&](const std::vector<string>& arguments) {
    const FinishedRun result = run(arguments);
    EXPECT_EQ(result.exit_code, 64) << result.output;
    return result.errors;
  };
  EXPECT_TRUE(says(errors({"start-rsync", "x"}), "`gorgon start_rsync`"));
  EXPECT_TRUE(says(errors({"install-listener"}), "`gorgon install_listener`"));
  EXPECT_TRUE(says(errors({"--json"}), "\"--message-format json\""));
  EXPECT_TRUE(says(errors({"start", "--no-color"}), "\"--color never\""));
  EXPECT_TRUE(says(errors({"start", "-y"}), "does not know \"-y\""));
  EXPECT_TRUE(says(errors({"ping", "--jsn"}), "\"--json\""));
}

TEST_F(CommandTest, ValuesAreCheckedInPlainWords) {
  const auto errors = [&](const std::vector<string>& arguments) {
    const FinishedRun result = run(arguments);
    EXPECT_EQ(result.exit_code, 64) << result.output;
    return result.errors;
  };
  EXPECT_TRUE(says(errors({"start", "--color", "blue"}),
                   "--color: must be one of auto, always, never, not \"blue\""));
  EXPECT_TRUE(says(errors({"start", "--color", "1"}), "must be one of auto, always, never"));
  EXPECT_TRUE(says(errors({"start", "--message-format", "1"}), "must be one of human, json"));
  EXPECT_TRUE(says(errors({"start", "-j", "many"}),
                   "--jobs: must be a whole number from 1 to 100000, not \"many\""));
  EXPECT_TRUE(says(errors({"start", "-j"}), "--jobs needs a value"));
  for (const char* limit : {"abc", "0", "-1"}) {
    EXPECT_TRUE(says(errors({"start", string("--fail-fast=") + limit}),
                     "--fail-fast: must be a whole number from 1 to 1000000"))
        << limit;
  }
  EXPECT_TRUE(says(errors({"start", "--max-fail", "0"}),
                   "--max-fail: must be a whole number from 1 to 1000000, not \"0\""));
  EXPECT_TRUE(says(errors({"start", "--timeout", "nan"}), "--timeout: must be a number from 0"));
  const string help = run({"start", "--help"}).output;
  EXPECT_EQ(help.find('\0'), string::npos);
  EXPECT_TRUE(says(help, "Use colours: auto, always or never\n")) << help;
}

TEST_F(CommandTest, AFolderThatIsNamedLikeACommandIsMentioned) {
  project().write("slow/a_spec.rb", "RSpec.describe('a') { it('works') {} }\n");
  const FinishedRun command = run({"slow"});
  EXPECT_TRUE(says(command.errors, "`gorgon ./slow` runs the folder")) << command.errors;
  const FinishedRun folder = run({"--color=never", "./slow"});
  EXPECT_EQ(folder.exit_code, 0) << folder.errors;
  EXPECT_TRUE(says(folder.output, "1 passed")) << folder.output;
  EXPECT_FALSE(says(run({"slow", "-n", "3"}).errors, "folder")) << "that is no folder's name";
}

TEST_F(CommandTest, TestsOfAnotherLanguageAreMentioned) {
  project().write("pytest.ini", "[pytest]\n");
  project().write("tests/test_a.py", "def test_a(): pass\n");
  project().write("tests/test_b.py", "def test_b(): pass\n");
  const string notice =
      "2 pytest files are not run, since a run is of one language, here Ruby: "
      "`gorgon tests/test_a.py ...` runs them";
  EXPECT_TRUE(says(run({"start"}).output, notice));
  EXPECT_FALSE(says(run({"start", "spec/stack_spec.rb"}).output, "pytest"));
  cluster().configure(project(), R"("files": ["spec/stack_spec.rb"])");
  EXPECT_FALSE(says(run({"start"}).output, "pytest"));
}

TEST_F(CommandTest, HelpIsTheHelpOption) {
  EXPECT_EQ(run({"help"}).output, run({"--help"}).output);
  EXPECT_TRUE(says(run({"help"}).output, "install_listener"));
  EXPECT_EQ(run({"help", "ping"}).output, run({"ping", "--help"}).output);
  const FinishedRun result = run({"help", "pong"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_TRUE(says(result.errors, "gorgon help ping")) << result.errors;
}

TEST_F(CommandTest, ARunThatDoesNotBeginStillEndsInItsEvents) {
  const auto ending = [&](std::vector<string> arguments) {
    arguments.insert(arguments.begin(), {"start", "--message-format", "json"});
    const FinishedRun result = run(arguments);
    const Report report = read_report(result.output);
    EXPECT_EQ(report.exit_code.value_or(-1), result.exit_code) << result.output;
    EXPECT_FALSE(report.reason.empty());
    EXPECT_TRUE(says(result.errors, report.reason)) << result.errors;
    return result.exit_code;
  };
  EXPECT_EQ(ending({"lib"}), 4);
  EXPECT_EQ(ending({"--config", "other.json"}), 64);
  project().write("gorgon.json", R"({"files": ["specs/*"]})");
  EXPECT_EQ(ending({}), 3);
  EXPECT_EQ(ending({"--dry-run"}), 3);
  project().write("gorgon.json", R"({"file": []})");
  EXPECT_EQ(ending({}), 64);
}

TEST_F(CommandTest, DryRunCanBeReadByPrograms) {
  const FinishedRun result =
      run({"start", "--dry-run", "-j", "2", "--message-format", "json", "spec/stack_spec.rb"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(
      result.output,
      R"({"event":"plan","unit":"spec/stack_spec.rb","unit_id":"1","expected_seconds":null,)"
      R"("recorded":false})"
      "\n"
      R"({"event":"plan_finished","v":1,"units":1,"files":1,"expected_seconds":null,"slots":2,)"
      R"("makespan_seconds":null})"
      "\n");
}

TEST_F(CommandTest, OutputThatCannotBeWrittenIsAnError) {
  const auto run_to_full_disk = [&](const string& arguments) {
    const Program::Options options{
        .argv = {"/bin/sh", "-c", string(GORGON_BINARY) + " " + arguments + " > /dev/full"},
        .environment = cluster().environment(cluster().folder()),
        .directory = project().folder(),
        .output = cluster().folder() / "full.log"};
    Program program(options);
    EXPECT_EQ(program.exit_code(30s).value_or(-1), 3) << arguments;
    EXPECT_TRUE(says(program.errors(), "No space left on device")) << arguments;
  };
  run_to_full_disk("start spec/stack_spec.rb");
  run_to_full_disk("start --message-format json spec/stack_spec.rb");
  run_to_full_disk("start --dry-run");
  run_to_full_disk("help");
}

TEST_F(CommandTest, RerunCommandWorksFromWhereTheRunWasStarted) {
  project().write("gorgon.json", "{}");
  const auto start = [&](const std::vector<string>& arguments) {
    return cluster().gorgon(arguments, cluster().folder(), 30s);
  };
  const string output = start({"start", "--config", "project/gorgon.json", "project/spec"}).output;
  EXPECT_TRUE(says(output,
                   "rerun  gorgon start --config project/gorgon.json "
                   "project/spec/statuses_spec.rb\n"))
      << output;
  EXPECT_EQ(start({"start", "--config", "project/gorgon.json", "project/spec/statuses_spec.rb"})
                .exit_code,
            1);
}

TEST_F(CommandTest, HelpersOfTheUsualNamesAreNoTests) {
  project().write("test/test_helper.rb", "");
  EXPECT_FALSE(says(run({"start", "--dry-run"}).output, "test_helper"));
}

TEST_F(CommandTest, EveryCommandHasHelp) {
  for (const char* command :
       {"start", "listen", "ping", "init", "gem", "install_listener", "status", "doctor",
        "completions", "start_rsync", "stop_rsync", "help", "version"}) {
    const FinishedRun result = run({command, "--help"});
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_FALSE(result.output.empty()) << command;
  }
  EXPECT_TRUE(says(run({"version"}).output, "gorgon "));
  EXPECT_TRUE(says(run({"rerun", "--help"}).output, "--junit FILE"));
  EXPECT_TRUE(says(run({"start", "--help"}).output, "pytest"));
}

TEST_F(CommandTest, DryRunShowsTheOrderAndRunsNothing) {
  project().write(
      ".gorgon/runtimes.json",
      R"({"test/mini_stack_test.rb": 60, "spec/stack_spec.rb": 30, "spec/empty_spec.rb": 2})");
  const FinishedRun result = run({"start", "--dry-run"});
  EXPECT_EQ(result.exit_code, 0);
  const auto first = result.output.find("test/mini_stack_test.rb");
  const auto second = result.output.find("spec/output_spec.rb");  // Not recorded: the median, 30 s.
  const auto last = result.output.find("spec/empty_spec.rb");
  EXPECT_TRUE(first < second && second < last) << result.output;
  EXPECT_TRUE(says(result.output, "8 files")) << result.output;
  const FinishedRun list = run(
      {"list", "-j", "2", "--message-format", "json", "spec/stack_spec.rb", "spec/empty_spec.rb"});
  EXPECT_TRUE(says(list.output, R"("expected_seconds":32.0,"slots":2,"makespan_seconds":30.0)"))
      << list.output;
}

TEST_F(CommandTest, HumanOutputWithoutATerminalHasNoControlCodes) {
  const FinishedRun result = run({"start", "-j", "2"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_FALSE(says(result.output + result.errors, "\x1b"));
  EXPECT_TRUE(says(result.output, "raised on purpose"));
  EXPECT_TRUE(says(result.output, "spec/statuses_spec.rb"));
  EXPECT_TRUE(says(run({"start", "--color", "always", "spec/stack_spec.rb"}).output, "\x1b"));
}

TEST_F(CommandTest, InitWritesAConfigurationThatRuns) {
  EXPECT_EQ(cluster().run(project(), {"spec/stack_spec.rb"}).exit_code, 0);
  FinishedRun result = run({"init"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_TRUE(says(run({"list", "spec/stack_spec.rb"}).output, "recorded"))
      << "what was known before still is";
  EXPECT_TRUE(project().has("gorgon.json"));
  EXPECT_TRUE(project().has("gorgon_listener.json"));
  EXPECT_EQ(cluster().run(project(), {"spec/stack_spec.rb"}).exit_code, 0);
  EXPECT_FALSE(project().has("tmp")) << "git might not ignore it";
  project().write("gorgon.json", "{}");
  result = run({"init", "rails"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(project().read("gorgon.json"), "{}") << "a file that is there is kept";
  EXPECT_TRUE(project().has("test/gorgon_callbacks/gorgon_callbacks.rb") ||
              project().has("spec/gorgon_callbacks/gorgon_callbacks.rb"));
  EXPECT_EQ(run({"init", "django"}).exit_code, 64);
}

TEST_F(CommandTest, InstallListenerShowsItsUnit) {
  project().write("gorgon_listener.json", R"({"connection": {"host": "mq.example"}})");
  const FinishedRun result = run({"install_listener", "--dry-run"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_TRUE(says(result.output, "ExecStart=")) << result.output;
  EXPECT_TRUE(says(result.output, "gorgon_listener.json")) << result.output;
  EXPECT_EQ(run({"install_listener", "--dry-run", "--user", "--system"}).exit_code, 64);
}

TEST_F(CommandTest, CommandsThatNeedABrokerSaySo) {
  for (const char* command : {"ping", "gem"}) {
    const FinishedRun result = run({command, "list"});
    EXPECT_EQ(result.exit_code, 64) << command << result.errors;
  }
  const FinishedRun result = run({"listen", "--foreground"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_TRUE(says(result.errors, "gorgon_listener.json")) << result.errors;
}

}  // namespace
}  // namespace gorgon::test
