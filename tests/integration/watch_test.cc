// The live display, its keys and --no-capture, in real terminals.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "harness.h"
#include "program.h"
#include "run_report.h"
#include "terminal.h"

namespace gorgon::test {
namespace {

using std::string;

bool says(const string& text, const string& part) { return text.find(part) != string::npos; }

std::size_t count_of(const string& text, const string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != string::npos; ++at) ++count;
  return count;
}

/// Two files that say something and then wait for release(), each with a thread of its own; and a
/// third that fails at once.
Project add_waiting_project(Cluster& cluster) {
  const Project project = cluster.add_project("", "shop");
  const string gate = (project.folder() / "gate").string();
  for (const string name : {"cart", "user"}) {
    project.write("spec/" + name + "_spec.rb",
                  "RSpec.describe('" + name +
                      "') do\n"
                      "  it(\"waits for \\u5009\\u5eab\\n\\e[31mnow\") do\n"
                      "    helper = Thread.new { sleep }.tap { |t| t.name = 'helper' }\n"
                      "    puts \"" +
                      name +
                      " is \\u00e9 here\"\n"
                      "    sleep 0.02 until File.exist?('" +
                      gate +
                      "')\n"
                      "    helper.kill\n"
                      "  end\n"
                      "end\n");
  }
  project.write("spec/fails_spec.rb", "RSpec.describe('d') { it('fails') { fail 'no' } }\n");
  return project;
}
void release(const Project& project) { project.write("gate", ""); }

const string kGorgon = string(GORGON_BINARY) + " start";

/// Compares the display at the end of `screen`, from its progress line on, to
/// tests/golden/NAME.txt; with GORGON_UPDATE_GOLDEN in the environment it is written instead.
void expect_golden(const string& name, const string& screen) {
  const string neutral = without_times(screen);
  std::vector<string> lines;
  std::istringstream stream(neutral);
  for (string line; std::getline(stream, line);) {
    if (says(line, "1/3") || says(line, "0/3")) lines.clear();
    lines.push_back(line);
  }
  // Which of the two is older, and on which worker, is as it comes.
  for (string& line : lines) line = std::regex_replace(line, std::regex("worker [12]"), "worker N");
  std::sort(std::find_if(lines.begin(), lines.end(),
                         [](const string& line) { return says(line, "_spec.rb"); }),
            lines.end());
  string shown;
  for (const string& line : lines) shown += line + "\n";
  const fs::path file = fs::path(GORGON_GOLDEN) / (name + ".txt");
  if (std::getenv("GORGON_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file(file, shown, 0644));
    return;
  }
  EXPECT_EQ(read_file(file).value_or("(there is no such file)"), shown) << screen;
}

/// Both files are in their rows, with their cases, and the third has failed.
void wait_for_rows(Terminal& terminal, const string& mark = "waits for 倉庫 now") {
  string screen;
  ASSERT_TRUE(eventually(60s, [&] {
    screen = terminal.screen();
    const std::size_t display = screen.rfind("1/3");
    return display != string::npos && count_of(screen.substr(display), mark) == 2;
  })) << screen;
}

class WatchTest : public LocalTest {};
class RemoteWatchTest : public RabbitTest {};

TEST_F(WatchTest, TheDisplayShowsWhatTakesItsTimeAndAnswersKeys) {
  const Project project = add_waiting_project(cluster());
  Terminal terminal(cluster(), project.folder());
  terminal.run("stty -a > before; " + kGorgon + " -j 2; echo exit $?; stty -a > after");
  wait_for_rows(terminal);
  expect_golden("live_80x24", terminal.screen());

  terminal.press("t");
  terminal.wait_for_past("user is é here");
  terminal.wait_for_past("cart is é here");
  const string shown = terminal.history();
  EXPECT_EQ(count_of(shown, "RUNNING  spec/"), 2U) << shown;
  EXPECT_TRUE(says(shown, "spec/cart_spec.rb:5:in `sleep'")) << shown;
  EXPECT_TRUE(says(shown, "thread helper (sleep):")) << shown;
  terminal.press("f");
  terminal.wait_for("1) FAIL  d fails");
  terminal.press("w");
  terminal.wait_for("this machine  ready, 2 workers");
  terminal.press("Enter");
  terminal.wait_for("progress: 1 of 3 files");
  terminal.press("?");
  terminal.wait_for("Enter  how far the run is");
  terminal.press("Up");
  wait_for_rows(terminal);

  release(project);
  terminal.wait_for("exit 1");
  const string all = terminal.history();
  EXPECT_TRUE(says(all, "gorgon: failed: 1 failure in 1 of 3 files, 3 cases")) << all;
  EXPECT_FALSE(says(all, "busy")) << "the display leaves nothing behind\n" << all;
  EXPECT_FALSE(says(all, "no answer")) << all;
  ASSERT_TRUE(eventually(20s, [&] { return !project.read("after").empty(); }));
  EXPECT_EQ(project.read("after"), project.read("before")) << "the terminal is as it was";
}

TEST_F(WatchTest, TheDisplayFollowsTheWindow) {
  const Project project = add_waiting_project(cluster());
  Terminal terminal(cluster(), project.folder());
  terminal.run("clear; " + kGorgon + " -j 2");
  wait_for_rows(terminal);
  terminal.resize({.columns = 20, .rows = 24});
  wait_for_rows(terminal, "_spec.rb\n");
  string narrow;
  EXPECT_TRUE(eventually(20s, [&] {
    narrow = terminal.screen();
    return count_of(narrow, "busy") == 1 && says(narrow, "2/2 workers busy\n");
  })) << narrow;
  expect_golden("live_20x24", narrow);
  terminal.resize({.columns = 200, .rows = 50});
  terminal.wait_for("spec/cart_spec.rb  cart waits for 倉庫 now");
  expect_golden("live_200x50", terminal.screen());
  terminal.resize({.columns = 80, .rows = 6});
  string low;
  EXPECT_TRUE(eventually(20s, [&] {
    low = terminal.screen();
    return count_of(low, "\n") <= 6 && says(low, "2/2 workers busy");
  })) << low;
  release(project);
  terminal.wait_for("gorgon: failed");
  EXPECT_EQ(count_of(terminal.screen(), "busy"), 0U);
}

TEST_F(WatchTest, CtrlZGivesTheTerminalBackAndForegroundTakesItAgain) {
  const Project project = add_waiting_project(cluster());
  Terminal terminal(cluster(), project.folder());
  terminal.run(kGorgon + " -j 2");
  wait_for_rows(terminal);
  terminal.press("C-z");
  terminal.wait_for("Stopped");
  EXPECT_FALSE(says(terminal.screen(), "busy")) << terminal.screen();
  terminal.run("stty -a | grep -c -- -icanon");
  terminal.wait_for("\n0\n");
  terminal.run("fg");
  wait_for_rows(terminal);
  terminal.press("w");
  terminal.wait_for("this machine  ready, 2 workers");
  EXPECT_FALSE(says(terminal.screen(), "\nw\n")) << "keys are not echoed";
  terminal.press("C-c");
  terminal.wait_for("what runs is finished, what waits is not begun");
  release(project);
  terminal.wait_for("gorgon: failed");
  terminal.run("stty -a | grep -c -- '-icanon\\|-echo '; echo done");
  terminal.wait_for("\n0\ndone");
}

TEST_F(WatchTest, ABackgroundJobLeavesTheTerminalAlone) {
  const Project project = add_waiting_project(cluster());
  Terminal terminal(cluster(), project.folder());
  terminal.run("stty tostop; clear; " + kGorgon + " -j 2 &");
  // It has failed its file by then, and says so.
  terminal.wait_for("d fails");
  terminal.run("echo $((40 + 2)) t; jobs");
  terminal.wait_for("42 t");
  terminal.wait_for("Running");
  EXPECT_FALSE(says(terminal.screen(), "busy")) << terminal.screen();
  terminal.run("stty -a | grep -c -- -icanon");
  terminal.wait_for("\n0\n");
  terminal.run("clear; fg");
  wait_for_rows(terminal);
  terminal.press("w");
  terminal.wait_for("this machine  ready, 2 workers");
  release(project);
  terminal.wait_for("gorgon: failed");
}

TEST_F(WatchTest, ADeathOfAnyKindGivesTheTerminalBack) {
  const Project project = add_waiting_project(cluster());
  std::vector<std::pair<string, int>> signals = {
      {"TERM", SIGTERM}, {"HUP", SIGHUP}, {"ABRT", SIGABRT}, {"QUIT", SIGQUIT}};
#ifndef __SANITIZE_ADDRESS__  // Which takes this one for itself.
  signals.emplace_back("SEGV", SIGSEGV);
#endif
  for (const auto& [signal, number] : signals) {
    Terminal terminal(cluster(), project.folder());
    terminal.run("ulimit -c 0; stty -a > before; " + kGorgon + " -j 2");
    wait_for_rows(terminal);
    terminal.press("w");
    terminal.wait_for("this machine  ready, 2 workers");
    const auto gorgons = cluster().processes();
    const auto originator = std::ranges::find_if(
        gorgons, [](pid_t pid) { return says(describe_process(pid), kGorgon); });
    ASSERT_NE(originator, gorgons.end());
    terminal.run("");  // Enter is a key: a line of progress, and no new line of input.
    terminal.wait_for("progress: 1 of 3 files");
    ASSERT_EQ(::kill(*originator, number), 0);
    ASSERT_TRUE(eventually(60s, [&] { return !is_alive(*originator); })) << signal;
    terminal.run("stty -a > after; echo is it $((1 + 1))");
    terminal.wait_for("is it 2");
    EXPECT_EQ(project.read("after"), project.read("before")) << signal;
  }
}

TEST_F(WatchTest, ATerminalThatCanDoNothingGetsPlainLines) {
  const Project project = add_waiting_project(cluster());
  release(project);
  Terminal terminal(cluster(), project.folder());
  for (const string environment : {"TERM=dumb", "CI=true"}) {
    terminal.run("clear; " + environment + " NO_COLOR=1 " + kGorgon +
                 " -j 2 --no-capture; echo exit $?");
    terminal.wait_for("exit 1");
    const string all = terminal.history();
    EXPECT_FALSE(says(all, "busy")) << all;
    EXPECT_TRUE(says(all, ":2 user is é here") || says(all, ":1 user is é here")) << all;
  }
}

TEST_F(WatchTest, OutputIsStreamedInWholeLinesAndAFloodIsCut) {
  const Project project = cluster().add_project("", "shop");
  for (const string name : {"a", "b"}) {
    project.write("spec/" + name + "_spec.rb", "RSpec.describe('" + name +
                                                   "') { it('talks') {\n"
                                                   "  20.times { |i| print '" +
                                                   name +
                                                   "'; $stdout.flush; sleep 0.01; puts i }\n"
                                                   "  system('echo child of " +
                                                   name +
                                                   "')\n"
                                                   "  print 'the end of " +
                                                   name + "' } }\n");
  }
  project.write("spec/flood_spec.rb",
                "RSpec.describe('flood') { it('floods') {"
                " 100_000.times { |i| puts \"flood #{i} \" + 'x' * 60 } } }\n");
  const FinishedRun ran =
      cluster().gorgon({"start", "-j", "3", "--no-capture", "-v"}, project.folder());
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  std::map<string, std::vector<string>> lines;
  bool was_cut = false;
  std::istringstream stream(ran.output);
  for (string line; std::getline(stream, line);) {
    const std::size_t colon = line.find(':');
    const std::size_t blank = line.find(' ');
    if (colon == string::npos || blank != colon + 2) continue;  // A report's.
    const string text = line.substr(blank + 1);
    was_cut = was_cut || says(text, "left out: more than can be carried]");
    const bool is_whole = !text.starts_with("flood ") || text.ends_with(string(60, 'x'));
    EXPECT_TRUE(is_whole) << text;
    for (const string name : {"a", "b"}) {
      if (text.starts_with(name) || text.ends_with(" of " + name)) lines[name].push_back(text);
    }
  }
  EXPECT_TRUE(was_cut);
  EXPECT_LT(ran.output.size(), 1'000'000U) << "of seven megabytes";
  for (const string name : {"a", "b"}) {
    std::vector<string> expected;
    for (int i = 0; i < 20; ++i) expected.push_back(name + std::to_string(i));
    expected.push_back("child of " + name);
    expected.push_back("the end of " + name);
    EXPECT_EQ(lines[name], expected);
  }
  const FinishedRun refused =
      cluster().gorgon({"start", "--no-capture", "--message-format", "json"}, project.folder());
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_TRUE(says(refused.errors, "--no-capture")) << refused.errors;
}

TEST_F(RemoteWatchTest, MachinesAreNamedAndAskedAndOneThatIsStoppedIsSaidNotToAnswer) {
  const Project project = add_waiting_project(cluster());
  cluster().configure(project);
  RunningListener& one = cluster().start_listener({.name = "one", .slots = 1});
  cluster().start_listener({.name = "two", .slots = 1});
  Terminal terminal(cluster(), project.folder(), {.columns = 100, .rows = 40});
  terminal.run(kGorgon + " --no-capture; echo exit $?");
  wait_for_rows(terminal);
  EXPECT_TRUE(says(terminal.screen(), "s  one:1  spec/")) << terminal.screen();
  EXPECT_TRUE(says(terminal.screen(), "s  two:1  spec/")) << terminal.screen();
  terminal.wait_for_past("\none:1 ");
  terminal.wait_for_past("\ntwo:1 ");

  terminal.press("t");
  terminal.wait_for_past("| user is é here");
  terminal.wait_for_past("| cart is é here");
  EXPECT_EQ(count_of(terminal.history(), "_spec.rb:5:in `sleep'"), 2U) << terminal.history();
  EXPECT_FALSE(says(terminal.history(), "no answer"));

  const auto workers = one.workers();
  ASSERT_EQ(workers.size(), 1U);
  ASSERT_EQ(::kill(workers.front(), SIGSTOP), 0);
  terminal.press("t");
  terminal.wait_for_past("no answer from there within 3.");
  EXPECT_EQ(count_of(terminal.history(), "no answer"), 1U) << terminal.history();
  ASSERT_EQ(::kill(workers.front(), SIGCONT), 0);
  release(project);
  terminal.wait_for("exit 1");
  EXPECT_TRUE(says(terminal.history(), "gorgon: failed: 1 failure in 1 of 3 files, 3 cases"));
}

TEST_F(RemoteWatchTest, ThoseWhoLookDoNotChangeWhatTestsComeTo) {
  const Project project = cluster().add_project("", "shop");
  project.write("spec/a_spec.rb", R"(
    require 'timeout'
    RSpec.describe 'while somebody looks' do
      it('sleeps as long as it wants') do
        started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        sleep 4
        expect(Process.clock_gettime(Process::CLOCK_MONOTONIC) - started).to be >= 4
      end
      it('waits for children') { expect(system('sleep 1')).to be true }
      it('reads') do
        reader, writer = IO.pipe
        Thread.new { sleep 1; writer.write('x'); writer.close }
        expect(reader.read).to eq 'x'
      end
      it('takes locks') do
        queue = Queue.new
        Thread.new { sleep 1; queue << 1 }
        expect(queue.pop).to eq 1
      end
      it('has time limits') do
        expect { Timeout.timeout(0.5) { sleep } }.to raise_error(Timeout::Error)
      end
      it('computes') { expect((1..3_000_000).sum { |i| i % 7 }).to eq 8_999_997 }
    end)");
  cluster().configure(project);
  cluster().start_listener({.name = "one", .slots = 1});
  Terminal terminal(cluster(), project.folder());
  terminal.run(kGorgon + "; echo exit $?");
  terminal.wait_for("busy");
  std::size_t asked = 0;
  EXPECT_TRUE(eventually(60s, [&] {
    ++asked;
    terminal.press("t");
    return says(terminal.screen(), "exit 0") || says(terminal.screen(), "exit 1");
  }));
  EXPECT_GT(asked, 10U);
  const string all = terminal.history();
  EXPECT_TRUE(says(all, "gorgon: passed, 1 file, 6 cases")) << all;
  EXPECT_GT(count_of(all, "RUNNING  spec/a_spec.rb"), 3U) << all;
}

}  // namespace
}  // namespace gorgon::test
