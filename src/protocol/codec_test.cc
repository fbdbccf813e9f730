#include "protocol/codec.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/result.h"
#include "config/project_config.h"
#include "protocol/messages.h"
#include "results/verdict.h"
#include "results/watched.h"

namespace gorgon::protocol {
namespace {

UnitFinished sample_finish() {
  UnitFinished finish{.job = "j1", .run = "r1", .earlier_cases = 2};
  finish.result = {
      .unit = "u7",
      .verdict = results::Verdict::kFailed,
      .attempt = 2,
      .seconds = 1.5,
      .host = "build3",
      .worker = "4",
      .cases = {{.id = "./a_spec.rb[1:1]",
                 .name = "a b",
                 .location = "./a_spec.rb:3",
                 .status = results::CaseStatus::kFailed,
                 .seconds = 0.25,
                 .failure = results::Failure{.stage = "",
                                             .exception_class = "RuntimeError",
                                             .message = "no",
                                             .backtrace = {"a:1", "b:2"}},
                 .pending_message = "",
                 .output = "said\n"}},
      .errors = {{.stage = "load", .exception_class = "NameError", .message = "x", .backtrace = {}},
                 {.stage = "timeout",
                  .exception_class = "",
                  .message = "too long",
                  .backtrace = {},
                  .killed_case = "./a_spec.rb[1:1]"}},
      .running_case = "a c",
      .running_location = "./a_spec.rb:7",
      .output = "outside"};
  return finish;
}

TEST(CodecTest, AResultSurvivesTheWire) {
  const UnitFinished sent = sample_finish();
  const auto received = decode(encode(sent));
  ASSERT_TRUE(received) << received.error().message;
  const auto* finish = std::get_if<UnitFinished>(&*received);
  ASSERT_NE(finish, nullptr);
  EXPECT_EQ(finish->result, sent.result);
  EXPECT_EQ(finish->run, "r1");
  EXPECT_EQ(finish->earlier_cases, 2U);
}

TEST(CodecTest, AResultOfBeforeSaysOfNoCaseThatItWasKilled) {
  const auto received = decode(
      R"({"v":1,"type":"unit_finished","job":"j","unit":"u","run":"r","verdict":"timed_out",)"
      R"("seconds":1,"host":"h","worker":"1","cases":[],"errors":[{"stage":"timeout"}],)"
      R"("running_case":"a"})");
  ASSERT_TRUE(received) << received.error().message;
  const results::UnitResult& result = std::get<UnitFinished>(*received).result;
  EXPECT_EQ(result.errors.at(0).killed_case, "");
  EXPECT_EQ(result.running_case, "a");
  EXPECT_EQ(result.running_location, "");
}

TEST(CodecTest, WhenItWasSurvivesTheWireAndIsNowByItself) {
  UnitFinished finished{.job = "j", .run = "r", .result = {.unit = "u"}, .ago = 0.25};
  EXPECT_EQ(std::get<UnitFinished>(decode(encode(finished)).value()).ago, 0.25);
  finished.ago = 0;
  EXPECT_EQ(std::get<UnitFinished>(decode(encode(finished)).value()).ago, 0);
  const UnitStarted started{.job = "j", .unit = "u", .host = "h", .worker = "1", .ago = 1.5};
  EXPECT_EQ(std::get<UnitStarted>(decode(encode(started)).value()).ago, 1.5);
}

TEST(CodecTest, UnitsOfABodyAreReadAllOrNone) {
  std::string body;
  add_line(body, UnitMessage{.unit = {.id = "1", .file = "a_spec.rb"}});
  add_line(body, UnitMessage{.unit = {.id = "2", .file = "b_spec.rb"}});
  const auto units = units_in(body);
  ASSERT_TRUE(units) << units.error().message;
  ASSERT_EQ(units->size(), 2U);
  EXPECT_EQ(units->at(1).unit.file, "b_spec.rb");
  EXPECT_EQ(units_in(body + "\nrubbish").error().kind, ErrorKind::kProtocol);
  std::string mixed = body;
  add_line(mixed, WorkerAlive{.job = "j", .host = "h", .worker = "1"});
  EXPECT_EQ(units_in(mixed).error().kind, ErrorKind::kProtocol);
}

TEST(CodecTest, ABodyHoldsALineForEachMessage) {
  using Lines = std::vector<std::string_view>;
  EXPECT_EQ(lines_of("a"), (Lines{"a"}));
  EXPECT_EQ(lines_of("a\nbc"), (Lines{"a", "bc"}));
  EXPECT_EQ(lines_of(""), (Lines{""})) << "which decode() refuses";
  EXPECT_EQ(lines_of("a\n"), (Lines{"a", ""}));
  const std::string breaks(8'000'000, '\n');
  const Lines flood = lines_of(breaks);
  EXPECT_EQ(flood.size(), kMostLines);
  const WorkerDone done{.job = "j", .host = "a\nb", .worker = "1"};
  EXPECT_EQ(lines_of(encode(done)).size(), 1U) << "no message breaks a line";
}

/// A message of each type, as it is without anything special to say.
template <class... M>
std::vector<Json> one_of_each(std::variant<M...>*) {
  return {*parse_json(encode(M()))...};
}

TEST(CodecTest, EveryMessageAndEachOfItsFieldsIsDocumented) {
  const auto document = read_file(fs::path(GORGON_DOCS_DIR) / "messages.md");
  ASSERT_TRUE(document);
  std::map<std::string, std::string> rows;
  std::istringstream lines(*document);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| `")) rows[line.substr(3, line.find('`', 3) - 3)] = line;
  }
  for (const Json& message : one_of_each(static_cast<Message*>(nullptr))) {
    const auto type = message.at("type").get<std::string>();
    ASSERT_TRUE(rows.contains(type)) << type;
    for (const auto& [field, value] : message.items()) {
      if (field == "v" || field == "type") continue;
      EXPECT_NE(rows[type].find("`" + field + "`"), std::string::npos) << type << "." << field;
    }
  }
}

TEST(CodecTest, WhatAWatcherIsShownSurvivesTheWire) {
  UnitShown sent{
      .job = "j1",
      .test = {.unit = "u1",
               .file = "",
               .host = "b",
               .worker = "2",
               .seconds = 3.5,
               .running_case = "Cart waits",
               .case_seconds = 2.5,
               .output = "tick\n",
               .output_bytes = 5'000'000'000,
               .stacks = results::RunningTest::Stacks::kTold,
               .threads = {
                   {.is_main = true, .name = "", .status = "sleep", .backtrace = {"a:1", "b:2"}}}}};
  const auto shown = decode(encode(sent));
  ASSERT_TRUE(shown) << shown.error().message;
  EXPECT_EQ(std::get<UnitShown>(*shown).test, sent.test);
  sent.test.stacks = results::RunningTest::Stacks::kSilent;
  sent.test.threads.clear();
  EXPECT_EQ(std::get<UnitShown>(*decode(encode(sent))).test, sent.test);

  const auto lines = decode(encode(UnitOutput{
      .job = "j1",
      .from = 7,
      .lines = {.unit = "u1", .host = "b", .worker = "2", .text = "x\n", .left_out_bytes = 9}}));
  ASSERT_TRUE(lines) << lines.error().message;
  EXPECT_EQ(std::get<UnitOutput>(*lines).from, 7U);
  EXPECT_EQ(std::get<UnitOutput>(*lines).lines.text, "x\n");
  EXPECT_EQ(std::get<UnitOutput>(*lines).lines.left_out_bytes, 9U);

  const auto running = decode(encode(CaseRunning{
      .job = "j1",
      .now = {.unit = "u1", .host = "b", .worker = "2", .running_case = "c", .case_seconds = 2}}));
  ASSERT_TRUE(running) << running.error().message;
  EXPECT_EQ(std::get<CaseRunning>(*running).now.running_case, "c");
  const auto question = decode(encode(ShowTests{.job = "j1"}));
  ASSERT_TRUE(question) << question.error().message;
  EXPECT_EQ(std::get<ShowTests>(*question).job, "j1");
}

TEST(CodecTest, AJobFromBeforeAnybodyWatchedAsksForNothing) {
  const auto job = decode(
      R"({"v":1,"type":"job","id":"k2x9","file_queue":"f","reply_queue":"r","source":
          {"transport":"none","source":"/tmp"}})");
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ(std::get<JobDefinition>(*job).show_cases_after.count(), 0);
  EXPECT_FALSE(std::get<JobDefinition>(*job).shows_output);
}

TEST(CodecTest, AJobSurvivesTheWire) {
  JobDefinition sent{
      .id = "k2x9", .epoch = 1, .project = "shop", .file_queue = "f", .reply_queue = "r"};
  sent.source = {.transport = config::Transport::kDirect,
                 .source = "rsync://h:1/job/",
                 .user = "job",
                 .password = "p"};
  sent.runner.command = {"./host.py", "-v"};
  sent.runner.test_command = {.run = {"prove", "{file}"}, .results = config::ResultFormat::kTap};
  sent.runner.python = {"uv", "run", "python"};
  sent.runner.folders = {"tests"};
  sent.runner.callbacks.commands[config::Callback::kBeforeStart] = "createdb";
  sent.runner.env = {{"RAILS_ENV", "test"}};
  sent.unit_timeout = std::chrono::duration<double>(12.5);
  sent.case_timeout = std::chrono::duration<double>(3.5);
  sent.slow_after = std::chrono::duration<double>(30);
  sent.grace = std::chrono::duration<double>(2.5);
  sent.sign_interval = std::chrono::seconds(2);
  const auto received = decode(encode(sent));
  ASSERT_TRUE(received) << received.error().message;
  ASSERT_TRUE(std::holds_alternative<JobDefinition>(*received));
  EXPECT_EQ(std::get<JobDefinition>(*received), sent);
}

TEST(CodecTest, AJobOfBeforeHasFewerLimits) {
  const auto old = decode(R"({"v":1,"type":"job","id":"k2x9","file_queue":"f","reply_queue":"r",)"
                          R"("source":{"transport":"none","source":"/a"},"unit_timeout":9})");
  ASSERT_TRUE(old) << old.error().message;
  const auto& job = std::get<JobDefinition>(*old);
  EXPECT_EQ(job.unit_timeout.count(), 9);
  EXPECT_EQ(job.case_timeout.count(), 0);
  EXPECT_EQ(job.slow_after.count(), 0);
  EXPECT_EQ(job.grace.count(), 0);
  EXPECT_EQ(job.sign_interval.count(), 10);
}

TEST(CodecTest, EqualMessagesThatCountEachTimeDiffer) {
  EXPECT_NE(encode(UnitStarted{.job = "j"}), encode(UnitStarted{.job = "j"}));
  EXPECT_NE(encode(UnitReturned{.job = "j"}), encode(UnitReturned{.job = "j"}));
  EXPECT_NE(encode(WorkerDone{.job = "j"}), encode(WorkerDone{.job = "j"}));
  const WorkerDied sent{.job = "j", .host = "h", .worker = "1"};
  EXPECT_NE(encode(sent), encode(WorkerDied{.job = "j", .host = "h", .worker = "1"}));
  EXPECT_EQ(encode(decode(encode(sent)).value()), encode(sent));
}

TEST(CodecTest, AStatusSurvivesTheWire) {
  const ListenerStatus sent{.host = "build1",
                            .version = "1.0.0",
                            .cluster = "gpu",
                            .slots = 2,
                            .free_slots = 0,
                            .jobs = {{.job = "k2x9",
                                      .project = "shop",
                                      .originator = "ann@desk",
                                      .state = HostedJob::State::kEnding}},
                            .workers = {{.slot = 1,
                                         .job = "k2x9",
                                         .file = "a_spec.rb",
                                         .seconds = 2.5,
                                         .running_case = "a b",
                                         .case_seconds = 0.5},
                                        {.slot = 2, .job = "k2x9"}}};
  const auto received = decode(encode(sent));
  ASSERT_TRUE(received) << received.error().message;
  const auto& status = std::get<ListenerStatus>(*received);
  EXPECT_EQ(status.jobs, sent.jobs);
  EXPECT_EQ(status.workers, sent.workers);
  EXPECT_EQ(encode(*received), encode(sent));
  const JobStatus job{.job = "k2x9", .units = 4, .done = 1, .waiting_for = "for listeners"};
  EXPECT_EQ(encode(decode(encode(job)).value()), encode(job));
}

TEST(CodecTest, WhatAMachineIsLikeSurvivesTheWire) {
  const ListenerStatus sent{
      .host = "build1",
      .version = "1.0.0",
      .clock = 1'790'000'000,
      .machine = MachineFacts{
          .free_bytes = 5'000'000'000, .demands_signature = true, .programs = {{"ruby", "3.1.2"}}}};
  const auto received = decode(encode(sent));
  ASSERT_TRUE(received) << received.error().message;
  EXPECT_EQ(std::get<ListenerStatus>(*received).machine, sent.machine);
  EXPECT_EQ(std::get<ListenerStatus>(*received).clock, sent.clock);
  const ListenerStatus refuses{.host = "h", .version = "1", .is_reserved = true, .refusal = "no"};
  EXPECT_EQ(encode(decode(encode(refuses)).value()), encode(refuses));
  const auto request = decode(encode(StatusRequest{.reply_queue = "q", .asks_machine = true}));
  EXPECT_TRUE(std::get<StatusRequest>(request.value()).asks_machine);
}

TEST(CodecTest, AnOlderListenerDoesNotSayWhatItsMachineIsLike) {
  const auto status = decode(
      R"({"v":1,"type":"listener_status","host":"a","version":"0.1.0","cluster":"","slots":2,)"
      R"("free_slots":2,"jobs":[],"workers":[]})");
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_FALSE(std::get<ListenerStatus>(*status).machine);
  EXPECT_FALSE(std::get<ListenerStatus>(*status).clock);
  const auto request = decode(R"({"v":1,"type":"status_request","reply_queue":"q"})");
  EXPECT_FALSE(std::get<StatusRequest>(request.value()).asks_machine);
}

TEST(CodecTest, AClockShowsATimeThatPeopleMayLiveIn) {
  for (const std::int64_t clock :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{253'402'300'800},
        std::numeric_limits<std::int64_t>::max()}) {
    const auto received =
        decode(encode(ListenerStatus{.host = "h", .version = "1", .clock = clock}));
    ASSERT_FALSE(received) << clock;
    EXPECT_NE(received.error().message.find("clock"), std::string::npos);
  }
}

TEST(CodecTest, AMachineNamesNoCrowdOfPrograms) {
  ListenerStatus sent{.host = "h", .version = "1", .machine = MachineFacts{}};
  for (int i = 0; i < 65; ++i) sent.machine->programs["p" + std::to_string(i)] = "1.0";
  const auto received = decode(encode(sent));
  ASSERT_FALSE(received);
  EXPECT_NE(received.error().message.find("programs"), std::string::npos);
}

TEST(CodecTest, AMachineHasNoMoreWorkersThanSlots) {
  const ListenerStatus sent{
      .host = "h", .version = "1", .slots = 1, .workers = {{.slot = 1}, {.slot = 2}}};
  const auto received = decode(encode(sent));
  ASSERT_FALSE(received);
  EXPECT_NE(received.error().message.find("workers"), std::string::npos);
}

TEST(CodecTest, SignsOfLifeAreNeitherAFloodNorAnHourApart) {
  for (const char* interval : {"0", "-1", "11", "0.5", "\"2\""}) {
    const auto job = decode(R"({"v":1,"type":"job","id":"k2x9","file_queue":"f","reply_queue":"r",)"
                            R"("source":{"transport":"none","source":"/a"},"sign_interval":)" +
                            std::string(interval) + "}");
    ASSERT_FALSE(job) << interval;
    EXPECT_NE(job.error().message.find("sign_interval"), std::string::npos);
  }
}

TEST(CodecTest, ASlowUnitSurvivesTheWire) {
  const auto received = decode(encode(UnitSlow{.job = "j",
                                               .unit = "u",
                                               .host = "h",
                                               .worker = "2",
                                               .seconds = 61.5,
                                               .running_case = "a b",
                                               .case_seconds = 60}));
  ASSERT_TRUE(received) << received.error().message;
  const auto& slow = std::get<UnitSlow>(*received);
  EXPECT_EQ(slow.unit, "u");
  EXPECT_EQ(slow.seconds, 61.5);
  EXPECT_EQ(slow.running_case, "a b");
  EXPECT_EQ(slow.case_seconds, 60);
  const auto between =
      decode(R"({"v":1,"type":"unit_slow","job":"j","unit":"u","host":"h","worker":"2"})");
  ASSERT_TRUE(between);
  EXPECT_EQ(std::get<UnitSlow>(*between).running_case, "");
}

TEST(CodecTest, BytesThatAreNotUtf8BecomeReplacementCharacters) {
  UnitFinished finish = sample_finish();
  finish.result.cases[0].output = "a\xFF\xFE";
  const auto received = decode(encode(finish));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<UnitFinished>(*received).result.cases[0].output, "a\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(CodecTest, ErrorsNameTheField) {
  const auto received = decode(R"({"v":1,"type":"unit","id":3,"file":"a"})");
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().kind, ErrorKind::kProtocol);
  EXPECT_EQ(received.error().message, "unit.id: expected a string");
}

TEST(CodecTest, AnotherVersionIsRefusedByName) {
  const auto received = decode(R"({"v":2,"type":"ping","reply_queue":"q"})");
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().kind, ErrorKind::kRefused);
}

TEST(CodecTest, AJobOfAnotherVersionSaysWhereToRefuseIt) {
  const auto sender = sender_of_job(R"({"v":2,"type":"job","id":"j","reply_queue":"q","new":[]})");
  ASSERT_TRUE(sender);
  EXPECT_EQ(sender->job, "j");
  EXPECT_EQ(sender->reply_queue, "q");
  EXPECT_FALSE(sender_of_job(R"({"v":2,"type":"ping","reply_queue":"q"})"));
  EXPECT_FALSE(sender_of_job("[]"));
}

TEST(CodecTest, AJobIdThatCouldLeaveItsDirectoryIsRefused) {
  JobDefinition job{.id = "../../etc", .file_queue = "f", .reply_queue = "r"};
  EXPECT_FALSE(decode(encode(job)));
}

TEST(CodecTest, HostStateOfBeforeHasNoEpoch) {
  const auto old = decode(R"({"v":1,"type":"host_state","job":"a","host":"h","state":"left"})");
  ASSERT_TRUE(old);
  EXPECT_EQ(std::get<HostState>(*old).epoch, 0U);
  EXPECT_FALSE(std::get<HostState>(*old).pull);
  const std::chrono::duration<double> pull(0.25);
  const auto received =
      decode(encode(HostState{.job = "a", .epoch = 3, .host = "h", .pull = pull}));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<HostState>(*received).epoch, 3U);
  EXPECT_EQ(std::get<HostState>(*received).pull, pull);
  const auto probe = decode(encode(Probe{.job = "a"}));
  ASSERT_TRUE(probe);
  EXPECT_EQ(std::get<Probe>(*probe).job, "a");
}

std::string job_with(std::string_view fields) {
  return R"({"v":1,"type":"job","id":"j1","file_queue":"f","reply_queue":"r",)"
         R"("source":{"transport":"none","source":"/a"},)" +
         std::string(fields) + "}";
}

TEST(CodecTest, AUnitNamesAFileOfTheProject) {
  for (const char* file : {"", "/etc/passwd", "../secret_spec.rb", "spec/../../a_spec.rb",
                           "spec/a_spec.rb\\u0000.txt"}) {
    const auto received =
        decode(std::string(R"({"v":1,"type":"unit","id":"1","file":")") + file + "\"}");
    ASSERT_FALSE(received) << file;
    EXPECT_EQ(received.error().message, "unit.file: expected a path within the project");
  }
  EXPECT_TRUE(decode(R"({"v":1,"type":"unit","id":"1","file":"spec/a_spec.rb"})"));
}

TEST(CodecTest, LimitsOfAJobAreTimesThatAClockCanCount) {
  EXPECT_TRUE(decode(job_with(R"("unit_timeout":3600)")));
  for (const char* field :
       {R"("unit_timeout":-1)", R"("unit_timeout":1e308)", R"("callback_timeout":1e10)",
        R"("unit_timeout":"5")", R"("expires_at":-1)", R"("expires_at":18446744073709551615)",
        R"("epoch":4294967296)"}) {
    EXPECT_FALSE(decode(job_with(field))) << field;
  }
}

TEST(CodecTest, TheEnvironmentOfAJobHasNamesAndValues) {
  EXPECT_TRUE(decode(job_with(R"("runner":{"env":{"A":"b=c","B":null}})")));
  for (const char* env : {R"({"":"x"})", R"({"A=B":"x"})", R"({"A\u0000":"x"})",
                          R"({"A":"x\u0000y"})", R"({"A":1})"}) {
    EXPECT_FALSE(decode(job_with(std::string(R"("runner":{"env":)") + env + "}"))) << env;
  }
}

TEST(CodecTest, ACommandThatDidNotRunIsNoGoodEnd) {
  // 4294967296 would be 0 as an int.
  const auto received =
      decode(R"({"v":1,"type":"command_output","host":"h","exit_code":4294967296})");
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().message,
            "command_output.exit_code: expected an integer from -1 to 255");
}

TEST(CodecTest, UnitOfBeforeIsAFirstAttemptBesideOthers) {
  const auto old = decode(R"({"v":1,"type":"unit","id":"1","file":"a_spec.rb"})");
  ASSERT_TRUE(old);
  EXPECT_EQ(std::get<UnitMessage>(*old).attempt, 1U);
  EXPECT_FALSE(std::get<UnitMessage>(*old).runs_alone);
  const UnitMessage again{
      .unit = {.id = "1", .file = "a_spec.rb"}, .attempt = 2, .runs_alone = true};
  const auto received = decode(encode(again));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<UnitMessage>(*received).attempt, 2U);
  EXPECT_TRUE(std::get<UnitMessage>(*received).runs_alone);
}

TEST(CodecTest, UnitCarriesItsFilter) {
  const UnitMessage sent{
      .unit = {.id = "1",
               .file = "a_spec.rb",
               .filter = {.places = {":12", "[1:2]"}, .names = {"adds"}, .tags = {"~slow"}}}};
  const auto received = decode(encode(sent));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<UnitMessage>(*received).unit, sent.unit);
  const auto old = decode(R"({"v":1,"type":"unit","id":"1","file":"a_spec.rb"})");
  ASSERT_TRUE(old);
  EXPECT_TRUE(std::get<UnitMessage>(*old).unit.filter.is_empty());
}

TEST(CodecTest, UnitCarriesItsGroupAndLimits) {
  const UnitMessage sent{.unit = {.id = "1", .file = "a_spec.rb"},
                         .group = "db",
                         .group_slots = 2,
                         .timeout = std::chrono::seconds(9),
                         .case_timeout = std::chrono::seconds(0)};
  const auto received = decode(encode(sent));
  ASSERT_TRUE(received) << received.error().message;
  const auto& unit = std::get<UnitMessage>(*received);
  EXPECT_EQ(std::tie(unit.group, unit.group_slots, unit.timeout, unit.case_timeout),
            std::tie(sent.group, sent.group_slots, sent.timeout, sent.case_timeout));
  const auto old = decode(R"({"v":1,"type":"unit","id":"1","file":"a_spec.rb"})");
  ASSERT_TRUE(old);
  EXPECT_FALSE(std::get<UnitMessage>(*old).timeout);
  // They become names of files, and files that are opened.
  for (const char* field : {R"("group":"../db")", R"("group":"a/b")", R"("group_slots":1025)",
                            R"("timeout":-5)", R"("case_timeout":1e10)"}) {
    EXPECT_FALSE(
        decode(std::string(R"({"v":1,"type":"unit","id":"1","file":"a_spec.rb",)") + field + "}"))
        << field;
  }
}

TEST(CodecTest, JobCarriesSeedAndOrder) {
  const auto job = decode(job_with(R"("runner":{"seed":4294967295,"order":"random"})"));
  ASSERT_TRUE(job) << job.error().message;
  const auto& runner = std::get<JobDefinition>(*job).runner;
  EXPECT_EQ(runner.seed, 4294967295U);
  EXPECT_EQ(runner.order, "random");
  EXPECT_FALSE(std::get<JobDefinition>(*decode(job_with(R"("runner":{})"))).runner.seed);
  EXPECT_FALSE(decode(job_with(R"("runner":{"order":"backwards"})")));
  EXPECT_FALSE(decode(job_with(R"("runner":{"seed":4294967296})")));
}

TEST(CodecTest, QuarantineIsNoWordOfAWorker) {
  const auto with_status = [](const std::string& status) {
    return decode(R"({"v":1,"type":"unit_finished","job":"j","unit":"1","run":"r",)"
                  R"("verdict":"passed","seconds":1,"host":"h","worker":"1","cases":[{"id":"1",)"
                  R"("name":"a","status":")" +
                  status + R"(","seconds":0}]})");
  };
  EXPECT_TRUE(with_status("pending")) << with_status("pending").error().message;
  EXPECT_FALSE(with_status("quarantined"));
}

TEST(CodecTest, UnitCarriesWhatRunsBeforeIt) {
  const UnitMessage sent{.unit = {.id = "1",
                                  .file = "c_spec.rb",
                                  .only = {"c[1:2]"},
                                  .seed = 4711,
                                  .needs_fresh_runner = true,
                                  .before = {{.file = "a_spec.rb", .seed = 12},
                                             {.file = "b_spec.rb", .except = {"b[1:1]"}}}}};
  const auto received = decode(encode(sent));
  ASSERT_TRUE(received) << received.error().message;
  EXPECT_EQ(std::get<UnitMessage>(*received).unit, sent.unit);
  const auto old = decode(R"({"v":1,"type":"unit","id":"1","file":"a_spec.rb"})");
  ASSERT_TRUE(old);
  EXPECT_FALSE(std::get<UnitMessage>(*old).unit.needs_fresh_runner);
  EXPECT_TRUE(std::get<UnitMessage>(*old).unit.before.empty());
  EXPECT_FALSE(std::get<UnitMessage>(*old).unit.seed);
}

TEST(CodecTest, WhatRunsBeforeAUnitIsOfTheProject) {
  for (const char* before : {R"([{"file":"../a_spec.rb"}])", R"([{"file":"/etc/a_spec.rb"}])",
                             R"([{}])", R"([7])", R"("a_spec.rb")"}) {
    EXPECT_FALSE(
        decode(std::string(R"({"v":1,"type":"unit","id":"1","file":"c","before":)") + before + "}"))
        << before;
  }
}

TEST(CodecTest, AResultOfBeforeNamesNoRunner) {
  UnitFinished sent = sample_finish();
  sent.result.runner = "k2x9";
  sent.result.seed = 4711;
  const auto received = decode(encode(sent));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<UnitFinished>(*received).result, sent.result);
  const auto old =
      decode(R"({"v":1,"type":"unit_finished","job":"j","unit":"1","run":"r","verdict":"passed",)"
             R"("host":"h","worker":"1","cases":[]})");
  ASSERT_TRUE(old) << old.error().message;
  EXPECT_EQ(std::get<UnitFinished>(*old).result.runner, "");
  EXPECT_FALSE(std::get<UnitFinished>(*old).result.seed);
}

TEST(CodecTest, SignOfLifeOfBeforeNamesNoUnit) {
  const auto old = decode(R"({"v":1,"type":"worker_alive","job":"j","host":"h","worker":"1"})");
  ASSERT_TRUE(old);
  EXPECT_FALSE(std::get<WorkerAlive>(*old).unit);
  const auto received =
      decode(encode(WorkerAlive{.job = "j", .host = "h", .worker = "1", .unit = ""}));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<WorkerAlive>(*received).unit, "");
}

TEST(CodecTest, TheEndOfAWorkerSurvivesTheWire) {
  const auto died = decode(encode(WorkerDied{
      .job = "j", .host = "h", .worker = "1", .how = "signal 9 (SIGKILL)", .output = "said"}));
  ASSERT_TRUE(died);
  EXPECT_EQ(std::get<WorkerDied>(*died).how, "signal 9 (SIGKILL)");
  EXPECT_EQ(std::get<WorkerDied>(*died).output, "said");
  const auto returned =
      decode(encode(UnitReturned{.job = "j", .unit = "u", .host = "h", .worker = "1"}));
  ASSERT_TRUE(returned);
  EXPECT_EQ(std::get<UnitReturned>(*returned).unit, "u");
}

TEST(CodecTest, AnArtifactSurvivesTheWire) {
  std::string bytes = "\xff\n";
  bytes.push_back('\0');
  const Artifact sent{.job = "j",
                      .id = "a1",
                      .host = "h",
                      .worker = "2",
                      .unit = "7",
                      .attempt = 3,
                      .path = "tmp/a.png",
                      .size = 100,
                      .offset = 50,
                      .bytes = bytes};
  const auto received = decode(encode(sent));
  ASSERT_TRUE(received) << received.error().message;
  const auto& part = std::get<Artifact>(*received);
  EXPECT_EQ(part.id, "a1");
  EXPECT_EQ(part.unit, "7");
  EXPECT_EQ(part.attempt, 3U);
  EXPECT_EQ(part.path, "tmp/a.png");
  EXPECT_EQ(part.size, 100U);
  EXPECT_EQ(part.offset, 50U);
  EXPECT_EQ(part.bytes, bytes);
  const auto left_out = decode(encode(ArtifactsLeftOut{
      .job = "j", .host = "h", .worker = "2", .unit = "7", .files = 4, .reason = "too much"}));
  ASSERT_TRUE(left_out);
  EXPECT_EQ(std::get<ArtifactsLeftOut>(*left_out).files, 4U);
  EXPECT_EQ(std::get<ArtifactsLeftOut>(*left_out).reason, "too much");
}

TEST(CodecTest, AnArtifactStaysInItsPlace) {
  const auto decoded = [](const Artifact& artifact) { return decode(encode(artifact)); };
  const Artifact good{.job = "j", .id = "a1", .host = "h", .worker = "2", .path = "a", .size = 1};
  EXPECT_TRUE(decoded(good));
  for (const char* path : {"", "/a", "..", "a/../../b"}) {
    Artifact bad = good;
    bad.path = path;
    EXPECT_FALSE(decoded(bad)) << path;
  }
  Artifact bad = good;
  bad.id = "../a";
  EXPECT_FALSE(decoded(bad));
  bad = good;
  bad.bytes = "too long";
  EXPECT_FALSE(decoded(bad));
  bad = good;
  bad.offset = 2;
  EXPECT_FALSE(decoded(bad));
}

TEST(CodecTest, AJobSaysWhatComesBackOrNothing) {
  JobDefinition job{.id = "j", .file_queue = "f", .reply_queue = "r"};
  auto received = decode(encode(job));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<JobDefinition>(*received).artifacts, std::nullopt);
  job.artifacts = ArtifactRules{.always = {"log/*"},
                                .on_failure = {"tmp/**/*"},
                                .max_unit_bytes = 1,
                                .max_run_bytes = 2,
                                .folder = "kept"};
  received = decode(encode(job));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<JobDefinition>(*received).artifacts, job.artifacts);
  job.artifacts->always = {"../*"};
  EXPECT_FALSE(decode(encode(job)));
}

TEST(CodecTest, AJobSaysWhatHasChangedInItsTreeOrNothing) {
  JobDefinition job{.id = "j", .file_queue = "f", .reply_queue = "r"};
  auto received = decode(encode(job));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<JobDefinition>(*received).tree, config::TreeGeneration());
  job.tree = {.id = "c",
              .entries = 7,
              .changes = {{.from = "b", .paths = {"a/b", "c"}}, {.from = "a", .paths = {}}}};
  received = decode(encode(job));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<JobDefinition>(*received).tree, job.tree);
  for (const char* path : {"", "/a", "..", "a/../../b"}) {
    job.tree.changes.back().paths = {path};
    EXPECT_FALSE(decode(encode(job))) << path;
  }
}

TEST(CodecTest, HostileBytesEndInAnError) {
  EXPECT_FALSE(decode(""));
  EXPECT_FALSE(decode("[]"));
  EXPECT_FALSE(decode("{\"v\":1"));
  EXPECT_FALSE(decode(std::string(100'000, '[')));
  EXPECT_FALSE(decode(R"({"v":1,"type":"nonsense"})"));
  EXPECT_FALSE(
      decode(R"({"v":1,"type":"host_state","job":"a","host":"h","state":"ready","workers":-1})"));
}

}  // namespace
}  // namespace gorgon::protocol
