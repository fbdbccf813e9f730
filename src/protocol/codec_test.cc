#include "protocol/codec.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "config/project_config.h"
#include "protocol/messages.h"
#include "results/verdict.h"

namespace gorgon::protocol {
namespace {

UnitFinished sample_finish() {
  UnitFinished finish{.job = "j1", .run = "r1", .earlier_cases = 2};
  finish.result = {.unit = "u7",
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
                   .errors = {{.stage = "load",
                               .exception_class = "NameError",
                               .message = "x",
                               .backtrace = {}}},
                   .running_case = "a c",
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
  const auto received = decode(encode(HostState{.job = "a", .epoch = 3, .host = "h"}));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<HostState>(*received).epoch, 3U);
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
