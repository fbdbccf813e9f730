// Files that tests write come back from the workers: which, where to, how much of them, and what
// becomes of them when something dies or lies.
#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "base/files.h"
#include "broker/broker.h"
#include "harness.h"
#include "program.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

bool says(const string& text, const string& part) { return text.find(part) != string::npos; }

/// Below the folder of the last run: path without HOST/WORKER/ -> content. The names of runners
/// are RUNNER.
std::map<string, string> artifacts_of(const Project& project,
                                      const string& folder = ".gorgon/artifacts") {
  std::map<string, string> files;
  const fs::path run = project.folder() / folder / "latest";
  std::error_code error;
  for (fs::recursive_directory_iterator entry(run / "", error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_regular_file()) continue;
    string path = entry->path().lexically_relative(run).string();
    for (int i = 0; i < 2; ++i) path.erase(0, path.find('/') + 1);
    if (path.starts_with("runner-")) path.replace(0, path.find('/'), "RUNNER");
    files[path] = read_file(entry->path()).value_or("unreadable");
  }
  EXPECT_FALSE(error) << error.message();
  return files;
}

std::vector<string> names_of(const std::map<string, string>& files) {
  std::vector<string> names;
  names.reserve(files.size());
  for (const auto& [name, content] : files) names.push_back(name);
  return names;
}

/// A spec file of one case, which is `body`.
void write_spec(const Project& project, const string& name, const string& body) {
  project.write("spec/" + name + "_spec.rb", "require 'fileutils'\nRSpec.describe('" + name +
                                                 "') { it('runs') {\n" + body + "\n} }\n");
}

string write_file_in(const string& folder, const string& name, const string& text) {
  return fmt::format("FileUtils.mkdir_p({0}); File.write(File.join({0}, '{1}'), {2})\n", folder,
                     name, text);
}

constexpr const char* kOwn = "ENV['GORGON_ARTIFACTS']";

// ---- on this machine ----

using LocalArtifactsTest = LocalTest;

TEST_F(LocalArtifactsTest, ThoseOfFailuresAndThoseOfAllComeBack) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("artifacts": {"on_failure": ["tmp/{shots,pages}/**/*"],
                                                "always": ["log/*.log"]},
                                  "reports": {"junit": "junit.xml", "html": "run.html"})");
  project.write("tmp/shots/old.png", "old");
  write_spec(project, "bad",
             write_file_in("'tmp/shots/deep'", "bad.png", "'a shot'") +
                 write_file_in("'log'", "bad.log", "'a log'") +
                 write_file_in(kOwn, "notes.txt", "'a note'") + "raise 'no'");
  write_spec(project, "good",
             write_file_in("'tmp/shots'", "good.png", "'a shot'") +
                 write_file_in("'log'", "good.log", "'another log'") +
                 write_file_in(string(kOwn) + " + '/x'", ".hidden", "'own'"));
  const FinishedRun run = cluster().run(project, {"-j", "1"});
  EXPECT_EQ(run.exit_code, 1) << run.errors;
  const std::map<string, string> expected = {{"spec/bad_spec.rb/tmp/shots/deep/bad.png", "a shot"},
                                             {"spec/bad_spec.rb/log/bad.log", "a log"},
                                             {"spec/bad_spec.rb/notes.txt", "a note"},
                                             {"spec/good_spec.rb/log/good.log", "another log"},
                                             {"spec/good_spec.rb/x/.hidden", "own"}};
  EXPECT_EQ(artifacts_of(project), expected);
  const string host = run.report.units.at("spec/bad_spec.rb").host;
  const string place = ".gorgon/artifacts/" + run.report.job + "/" + host + "/1/spec/bad_spec.rb/";
  EXPECT_TRUE(says(run.output, "\"artifacts\":[\"" + place + "log/bad.log\",\"" + place +
                                   "notes.txt\",\"" + place + "tmp/shots/deep/bad.png\"]"))
      << run.output;
  EXPECT_TRUE(says(run.output, "\"artifacts\":{\"folder\":\".gorgon/artifacts/" + run.report.job +
                                   "\",\"files\":5,\"left_out\":0}"))
      << run.output;
  const string junit = project.read("junit.xml");
  EXPECT_TRUE(says(junit, "[[ATTACHMENT|" + place + "tmp/shots/deep/bad.png]]")) << junit;
  const string page = project.read("run.html");
  EXPECT_TRUE(says(page, "\"link\":\"./.gorgon/artifacts/" + run.report.job + "\"")) << page;
  // All of it is recorded.
  const auto later = [&](const std::vector<string>& arguments) {
    const FinishedRun told = cluster().gorgon(arguments, project.folder());
    EXPECT_EQ(told.exit_code, 0) << told.errors;
    return told.output;
  };
  later({"report", "--junit", "again.xml", "--html", "again.html"});
  EXPECT_EQ(project.read("again.xml"), junit);
  EXPECT_EQ(project.read("again.html"), page);
  EXPECT_EQ(later({"runs", "export"}), run.output);
  EXPECT_TRUE(says(later({"runs", "show"}),
                   "kept  5 artifacts in .gorgon/artifacts/" + run.report.job + "\n"));
}

TEST_F(LocalArtifactsTest, NothingComesBackThatNobodyAskedFor) {
  const Project project = cluster().add_project("");
  write_spec(project, "a", "expect(ENV).not_to have_key('GORGON_ARTIFACTS')");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_FALSE(says(run.output, "artifacts"));
  EXPECT_FALSE(project.has(".gorgon/artifacts"));
}

TEST_F(LocalArtifactsTest, TheTerminalSaysWhere) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("artifacts": {"folder": "kept", "keep_runs": 2})");
  write_spec(project, "a", write_file_in(kOwn, "x", "'1'") + write_file_in(kOwn, "y", "''"));
  std::vector<FinishedRun> runs;
  for (int i = 0; i < 4; ++i) {
    const FinishedRun run = cluster().gorgon({"start"}, project.folder());
    EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
    const string latest = fs::read_symlink(project.folder() / "kept/latest").string();
    EXPECT_TRUE(says(run.output, "kept  2 artifacts in kept/" + latest + "\n")) << run.output;
  }
  EXPECT_EQ(names_of(artifacts_of(project, "kept")),
            (std::vector<string>{"spec/a_spec.rb/x", "spec/a_spec.rb/y"}));
  // Two runs and the link.
  EXPECT_EQ(std::distance(fs::directory_iterator(project.folder() / "kept"), {}), 3);
}

TEST_F(LocalArtifactsTest, WhatIsTooMuchIsLeftOutAndTold) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("artifacts": {"max_unit_bytes": "20K", "max_run_bytes": "30K"})");
  write_spec(project, "a",
             write_file_in(kOwn, "1", "'x' * 15_000") + write_file_in(kOwn, "2", "'x' * 6_000") +
                 write_file_in(kOwn, "3", "'x' * 5_000"));
  write_spec(project, "b", write_file_in(kOwn, "4", "'x' * 15_000"));
  const FinishedRun run = cluster().run(project, {"-j", "1"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(names_of(artifacts_of(project)),
            (std::vector<string>{"spec/a_spec.rb/1", "spec/a_spec.rb/3"}));
  EXPECT_TRUE(says(run.report.notice_text(),
                   "1 artifact of spec/a_spec.rb left out: artifacts.max_unit_bytes"))
      << run.report.notice_text();
  EXPECT_TRUE(says(run.report.notice_text(),
                   "1 artifact of spec/b_spec.rb left out: artifacts.max_run_bytes"))
      << run.report.notice_text();
  EXPECT_TRUE(says(run.output, "\"files\":2,\"left_out\":2}")) << run.output;
}

TEST_F(LocalArtifactsTest, FurtherTriesStandApart) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("artifacts": {}, "retries": {"count": 1})");
  write_spec(project, "a", write_file_in(kOwn, "try", "ENV['GORGON_ATTEMPT']") + "raise 'no'");
  const FinishedRun run = cluster().run(project, {"-j", "1"});
  EXPECT_EQ(run.exit_code, 1);
  const std::map<string, string> expected = {{"spec/a_spec.rb/try", "1"},
                                             {"spec/a_spec.rb.try-2/try", "2"}};
  EXPECT_EQ(artifacts_of(project), expected);
}

TEST_F(LocalArtifactsTest, CrashesAndTimeoutsAreFailures) {
  const Project project = cluster().add_project("");
  cluster().configure(project,
                      R"("artifacts": {"on_failure": ["tmp/*"]}, "timeouts": {"unit": 3})");
  write_spec(project, "crash",
             write_file_in("'tmp'", "crash", "'1'") + "Process.kill(:KILL, Process.pid); sleep");
  write_spec(project, "hang", write_file_in("'tmp'", "hang", "'1'") + "sleep");
  const FinishedRun run = cluster().run(project, {"-j", "1"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(names_of(artifacts_of(project)),
            (std::vector<string>{"spec/crash_spec.rb/tmp/crash", "spec/hang_spec.rb/tmp/hang"}));
}

TEST_F(LocalArtifactsTest, LinksAndPipesAreNoFiles) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("artifacts": {})");
  write_spec(project, "a",
             "File.symlink('/etc/passwd', ENV['GORGON_ARTIFACTS'] + '/link')\n"
             "File.symlink('/etc', ENV['GORGON_ARTIFACTS'] + '/folder')\n"
             "File.mkfifo(ENV['GORGON_ARTIFACTS'] + '/pipe')\n" +
                 write_file_in(kOwn, "file", "'1'"));
  const FinishedRun run = cluster().run(project, {"-j", "1"});
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_EQ(names_of(artifacts_of(project)), std::vector<string>{"spec/a_spec.rb/file"});
}

TEST_F(LocalArtifactsTest, AGlobThatLeadsOutIsRefused) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("artifacts": {"always": ["../x/*"], "on_failure": ["/tmp/*"]})");
  write_spec(project, "a", "");
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 64);
  EXPECT_TRUE(says(run.errors, "artifacts.always: \"../x/*\" leads out of the workspace"))
      << run.errors;
  EXPECT_TRUE(says(run.errors, "artifacts.on_failure: \"/tmp/*\" leads out")) << run.errors;
}

TEST_F(LocalArtifactsTest, ARunThatIsTakenUpKeepsWhatHasCome) {
  const Project project = cluster().add_project("");
  const string gate = (cluster().folder() / "gate").string();
  cluster().configure(project, R"("artifacts": {"max_run_bytes": "10K"})");
  write_spec(project, "1", write_file_in(kOwn, "x", "'x' * 4_000"));
  write_spec(project, "2",
             write_file_in(kOwn, "x", "'x' * 4_000") + write_file_in(kOwn, "y", "'x' * 4_000") +
                 "sleep 0.02 until File.exist?('" + gate + "')");
  Program& run = cluster().start_run(project, {"-j", "2"});
  ASSERT_TRUE(eventually(60s, [&] { return Cluster::so_far(run).units.size() == 1; }));
  run.signal(SIGKILL);
  ASSERT_TRUE(run.wait(10s));
  ASSERT_TRUE(write_file(gate, ""));
  const FinishedRun resumed = cluster().finish(
      cluster().start_gorgon({"resume", "--message-format", "json"}, project.folder()));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.errors;
  // The cap holds for both parts of the run together.
  const auto files = names_of(artifacts_of(project));
  ASSERT_EQ(files.size(), 2U) << resumed.output;
  EXPECT_EQ(files.front(), "spec/1_spec.rb/x");
  EXPECT_TRUE(says(resumed.output, "\"files\":2,\"left_out\":1}")) << resumed.output;
  EXPECT_TRUE(says(resumed.output, "spec/1_spec.rb/x\"]")) << resumed.output;
}

// ---- with RabbitMQ ----

using RabbitArtifactsTest = RabbitTest;

TEST_F(RabbitArtifactsTest, TheyComeFromAllMachinesInOnePiece) {
  const Project project = cluster().add_project("");
  cluster().configure(project, R"("artifacts": {"always": ["out/**/*"]})");
  for (int i = 1; i <= 6; ++i) {
    // Three megabytes and a bit: several messages, the last of them short.
    write_spec(project, std::to_string(i),
               write_file_in("'out'", std::to_string(i),
                             fmt::format("Random.new({}).bytes(3_000_001)", i)) +
                   "at_exit { " +
                   fmt::format("FileUtils.mkdir_p('out/end'); File.write('out/end/{}', 'end')", i) +
                   " }\nsleep 0.3");
  }
  cluster().start_two_listeners();
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  // Two units of one machine may write at the same time; then both have both.
  const auto files = artifacts_of(project);
  for (int i = 1; i <= 6; ++i) {
    const auto found = files.find(fmt::format("spec/{0}_spec.rb/out/{0}", i));
    ASSERT_NE(found, files.end()) << i;
    const FinishedRun bytes = cluster().other_program(
        {"ruby", "-e", fmt::format("$stdout.binmode.write(Random.new({}).bytes(3_000_001))", i)},
        project.folder());
    EXPECT_TRUE(found->second == bytes.output) << i;
    EXPECT_TRUE(files.contains(fmt::format("RUNNER/out/end/{}", i))) << i;
  }
  for (const char* host : {"one", "two"})
    EXPECT_TRUE(fs::is_directory(project.folder() / ".gorgon/artifacts/latest" / host)) << host;
}

TEST_F(RabbitArtifactsTest, AKilledWorkersFilesDoNotComeAndTheNextOnesDo) {
  const Project project = cluster().add_project("");
  const string once = (cluster().folder() / "once").string();
  cluster().configure(project, R"("artifacts": {})");
  write_spec(project, "a",
             "first = !File.exist?('" + once + "')\n" +
                 write_file_in(kOwn, "#{first}", "'x'") +  // Not interpolated: one name for both.
                 "File.write(ENV['GORGON_ARTIFACTS'] + \"/try-#{first}\", 'x')\n"
                 "File.write('" +
                 once + "', '')\nsleep if first");
  RunningListener& listener = cluster().start_listener({.slots = 1});
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(eventually(60s, [&] { return fs::exists(once); }));
  const auto workers = listener.workers();
  ASSERT_FALSE(workers.empty());
  ::kill(workers.front(), SIGKILL);
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  EXPECT_EQ(
      names_of(artifacts_of(project)),
      (std::vector<string>{"spec/a_spec.rb.try-2/#{first}", "spec/a_spec.rb.try-2/try-false"}));
}

TEST_F(RabbitArtifactsTest, AHostileWorkerWritesNothingOutside) {
  const Project project = cluster().add_project("");
  const string gate = (cluster().folder() / "gate").string();
  cluster().configure(project, R"("artifacts": {"max_run_bytes": "100K"})");
  write_spec(project, "a", "sleep 0.02 until File.exist?('" + gate + "')");
  cluster().start_listener({.slots = 1});
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(eventually(60s, [&] { return !Cluster::so_far(run).starts.empty(); }));
  const string job = Cluster::so_far(run).job;
  const fs::path folder = project.folder() / ".gorgon/artifacts" / job;
  const fs::path outside = cluster().folder() / "outside";
  fs::create_directories(outside);
  fs::create_directories(folder / "evil");
  fs::create_directory_symlink(outside, folder / "evil/1");
  std::vector<string> bodies;
  const auto add = [&](const string& id, const string& host, const string& worker,
                       const string& path, const string& bytes) {
    bodies.push_back(protocol::encode(protocol::Artifact{.job = job,
                                                         .id = id,
                                                         .host = host,
                                                         .worker = worker,
                                                         .runner = "../..",
                                                         .path = path,
                                                         .size = bytes.size(),
                                                         .offset = 0,
                                                         .bytes = bytes}));
  };
  add("a1", "h", "1", "../../../../escaped", "x");         // No such path,
  add("a2", "h", "1", "/escaped", "x");                    // nor this one.
  add("../a3", "h", "1", "escaped", "x");                  // No id.
  add("a4", "../../..", "../..", "escaped", "x");          // Becomes a name,
  add("a5", ".gorgon-artifacts", "..", "escaped", "x");    // and so does this.
  add("a6", "evil", "1", "escaped", "x");                  // Through a link.
  add("a7", "h", "1", "big", string(200'000, 'x'));        // Too much.
  add("a8", "h", "1", string("line\nfeed\x1b[31m"), "x");  // A name nobody wants on a screen.
  const protocol::Artifact half{.job = job,
                                .id = "a9",
                                .host = "h",
                                .worker = "1",
                                .runner = "r",
                                .path = "half",
                                .size = 10,
                                .offset = 0,
                                .bytes = "12345"};
  bodies.push_back(protocol::encode(half));
  protocol::Artifact other = half;
  other.id = "a10";
  other.unit = "no such unit";
  bodies.push_back(protocol::encode(other));
  add("a8", "h", "1", "twice", "x");  // Its file is there.
  publish(broker::to_queue(protocol::reply_queue(job)), bodies);
  ASSERT_TRUE(write_file(gate, ""));
  const FinishedRun finished = cluster().finish(run);
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  std::vector<string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(folder).string());
  }
  std::ranges::sort(files);
  EXPECT_EQ(files, (std::vector<string>{"_.._.._../.._../runner-.._../escaped",
                                        "_.gorgon-artifacts/_../runner-.._../escaped",
                                        "h/1/runner-.._../line_feed_[31m"}));
  EXPECT_TRUE(fs::is_empty(outside));
  const string notices = finished.report.notice_text();
  for (const char* reason : {"artifact.path", "artifact.id", "cannot open the folder 1",
                             "max_run_bytes would be exceeded", "of no file of this run"})
    EXPECT_TRUE(says(notices, reason)) << reason << "\n" << notices;
}

// ---- coverage ----

class CoverageTest : public RabbitTest {
 protected:
  string shell(const Project& project, const string& command) {
    const FinishedRun run = cluster().other_program({"/bin/sh", "-ec", command}, project.folder());
    EXPECT_EQ(run.exit_code, 0) << run.output << run.errors;
    return run.output;
  }
};

TEST_F(CoverageTest, SimpleCovMergedIsWhatRspecAloneSays) {
  const Project project = cluster().add_project("coverage_ruby");
  const string lines =
      "ruby -rjson -e 'r = JSON.parse(File.read(\"coverage/.resultset.json\"));"
      "c = Hash.new { |h, k| h[k] = [] }; r.each_value { |s| "
      "s[\"coverage\"].each { |f, v| v[\"lines\"].each_with_index { |n, i| "
      "c[f][i] = n && (c[f][i] || n > 0) } } }; puts JSON.dump(c.sort)'";
  const string alone = shell(project, "rspec >/dev/null; " + lines);
  EXPECT_TRUE(says(alone, "lib/cart.rb")) << alone;
  EXPECT_TRUE(says(alone, "true")) << alone;
  EXPECT_TRUE(says(alone, "false")) << alone;
  shell(project, "rm -r coverage");
  cluster().configure(project, R"("artifacts": {})");
  cluster().start_two_listeners();
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 0) << run.errors << run.output;
  EXPECT_GT(artifacts_of(project).size(), 1U);
  const string said = shell(project, "ruby merge_coverage.rb");
  EXPECT_TRUE(says(said, "LOC")) << said;
  EXPECT_EQ(shell(project, lines), alone);
}

TEST_F(LocalArtifactsTest, OneLineMergesSimpleCovOnOneMachine) {
  const Project project = cluster().add_project("coverage_ruby");
  const auto shell = [&](const string& command) {
    return cluster().other_program({"/bin/sh", "-ec", command}, project.folder()).output;
  };
  const auto last_run = [&] { return shell("cat coverage/.last_run.json"); };
  shell("rspec");
  const string alone = last_run();
  EXPECT_TRUE(says(alone, "line")) << alone;
  shell("sed -i '/ file = /d; /File.write/d' spec/spec_helper.rb; rm -r coverage");
  EXPECT_FALSE(says(project.read("spec/spec_helper.rb"), "gsub"));
  cluster().configure(project, R"("artifacts": {})");
  EXPECT_EQ(cluster().run(project).exit_code, 0);
  shell(
      "ruby -rsimplecov -e 'SimpleCov.collate "
      "Dir[\".gorgon/artifacts/latest/**/.resultset.json\"]'");
  EXPECT_EQ(last_run(), alone);
}

TEST_F(CoverageTest, PythonsMergedIsWhatPytestAloneSays) {
  const Project project = cluster().add_project("coverage_python");
  const string report = "/usr/bin/python3 -m coverage report --show-missing";
  const string alone =
      shell(project, "/usr/bin/python3 -m coverage run -m pytest >/dev/null; " + report);
  EXPECT_TRUE(says(alone, "cart.py")) << alone;
  shell(project, "rm .coverage");
  cluster().configure(project, R"("artifacts": {}, "runner_python": ["/usr/bin/python3"])");
  cluster().start_two_listeners();
  const FinishedRun run = cluster().run(project);
  EXPECT_EQ(run.exit_code, 0) << run.errors << run.output;
  shell(project,
        "/usr/bin/python3 -m coverage combine --keep "
        "$(find .gorgon/artifacts/latest/ -name '.coverage.*')");
  EXPECT_EQ(shell(project, report), alone);
}

}  // namespace
}  // namespace gorgon::test
