#include "originator/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "config/own_folder.h"
#include "protocol/codec.h"
#include "protocol/messages.h"
#include "results/verdict.h"

namespace {
/// Called once, by the next flock() of this thread.
thread_local std::function<void()> before_next_lock;
}  // namespace

/// In the place of the C library's.
extern "C" int flock(int fd, int operation) noexcept {
  if (const auto call = std::exchange(before_next_lock, nullptr)) call();
  return static_cast<int>(::syscall(SYS_flock, fd, operation));
}

namespace gorgon::originator {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class JournalTest : public testing::Test {
 protected:
  [[nodiscard]] const fs::path& project() const { return directory_.path(); }
  [[nodiscard]] fs::path file() const {
    return project() / config::kOwnFolder / "jobs" / "abc1.journal";
  }
  [[nodiscard]] std::string text() const { return read_file(file()).value(); }
  void write(const std::string& text) const { ASSERT_TRUE(write_file(file(), text)); }

  /// All records of the journal, or the error.
  [[nodiscard]] Result<std::vector<JournalRecord>> records() const {
    GORGON_TRY_ASSIGN(Journal journal, Journal::open(project(), "abc1"));
    std::vector<JournalRecord> records;
    GORGON_TRY(journal.replay([&](JournalRecord record) { records.push_back(std::move(record)); }));
    return records;
  }

  JobHead head_{.job = "abc1",
                .started_at = 1'700'000'000,
                .arguments = {"-j", "4", "spec/ü \"x\".rb"},
                .folder = "/srv/shop/ci",
                .cluster = "blue",
                .stage = "/tmp/stage",
                .tree_digest = "sha256:1",
                .sign_interval = std::chrono::seconds(2)};
  std::vector<results::Unit> units_{{.id = "1", .file = "spec/a_spec.rb"},
                                    {.id = "2", .file = "spec/b_spec.rb", .only = {"[1:1]"}}};
  protocol::UnitFinished finished_{
      .job = "abc1",
      .run = "r1",
      .earlier_cases = 0,
      .result = {.unit = "1",
                 .verdict = results::Verdict::kPassed,
                 .host = "one",
                 .worker = "1",
                 .cases = {{.id = "[1:1]", .name = "line\nbreak", .output = "two\nlines\n"}}}};

 private:
  TempDir directory_ = TempDir::make("gorgon-journal-test-").value();
};

TEST_F(JournalTest, WhatWasWrittenIsReadBack) {
  {
    Journal journal = Journal::create(project(), head_, units_).value();
    ASSERT_TRUE(journal.add(QueueRecord{.epoch = 2, .is_published = true}));
    ASSERT_TRUE(journal.add_reply(protocol::encode(finished_)));
    ASSERT_TRUE(journal.add(ReturnRecord{.unit = "2"}));
    ASSERT_TRUE(journal.add(RepublishRecord{.unit = "2"}));
    ASSERT_TRUE(journal.add(TreeRecord{.digest = "git:1+\"2"}));
  }
  Journal journal = Journal::open(project(), "abc1").value();
  EXPECT_EQ(journal.head(), head_);
  EXPECT_EQ(journal.take_units(), units_);
  std::vector<JournalRecord> records;
  ASSERT_TRUE(journal.replay([&](JournalRecord record) { records.push_back(std::move(record)); }));
  ASSERT_THAT(records, SizeIs(5));
  EXPECT_EQ(std::get<QueueRecord>(records[0]), (QueueRecord{.epoch = 2, .is_published = true}));
  const auto& reply = std::get<ReplyRecord>(records[1]);
  EXPECT_EQ(std::get<protocol::UnitFinished>(reply.message).result, finished_.result);
  EXPECT_EQ(reply.body, protocol::encode(finished_));
  EXPECT_EQ(std::get<ReturnRecord>(records[2]), ReturnRecord{.unit = "2"});
  EXPECT_EQ(std::get<RepublishRecord>(records[3]), RepublishRecord{.unit = "2"});
  EXPECT_EQ(std::get<TreeRecord>(records[4]), TreeRecord{.digest = "git:1+\"2"});
}

TEST_F(JournalTest, ItGoesOnAfterAReplay) {
  (void)Journal::create(project(), head_, units_).value();
  for (int i = 0; i < 3; ++i) {
    Journal journal = Journal::open(project(), "abc1").value();
    ASSERT_TRUE(journal.replay([](const JournalRecord&) {}));
    ASSERT_TRUE(journal.add_reply(protocol::encode(finished_)));
  }
  EXPECT_THAT(records().value(), SizeIs(3));
}

TEST_F(JournalTest, ALineThatWasCutShortDoesNotCount) {
  {
    Journal journal = Journal::create(project(), head_, units_).value();
    ASSERT_TRUE(journal.add_reply(protocol::encode(finished_)));
    ASSERT_TRUE(journal.add(QueueRecord{.epoch = 1}));
  }
  const std::string whole = text();
  for (std::size_t cut = 1; cut < 20; ++cut) {
    write(whole.substr(0, whole.size() - cut));
    EXPECT_THAT(records().value(), SizeIs(1)) << cut;
    // It is gone, so that what is added stands in a line of its own.
    EXPECT_EQ(text().back(), '\n');
  }
}

TEST_F(JournalTest, ADamagedLineIsNamed) {
  (void)Journal::create(project(), head_, units_).value();
  const std::string good = text();
  for (const char* bad : {"", "{}", "{\"reply\":{\"v\":1,\"type\":\"ping\",\"reply_queue\":\"x\"}}",
                          "{\"reply\":{}}", "{\"queues\":{\"epoch\":-1}}", "{\"returned\":7}",
                          "{\"republished\":{}}", "{\"what\":1}", "\xff"}) {
    write(good + "{\"returned\":\"1\"}\n" + bad + "\n");
    const auto read = records();
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().kind, ErrorKind::kProtocol);
    EXPECT_THAT(read.error().message, HasSubstr("abc1.journal, line 5: "));
  }
}

TEST_F(JournalTest, ADamagedHeadIsRefused) {
  (void)Journal::create(project(), head_, units_).value();
  const std::string good = text();
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, good.size() - 1}) {
    write(good.substr(0, size));
    EXPECT_EQ(records().error().kind, ErrorKind::kProtocol) << size;
  }
  for (const char* version : {"0", "3"}) {
    write(std::string("{\"head\":{\"v\":") + version + "}}\n");
    EXPECT_THAT(records().error().message, HasSubstr("another version of gorgon"));
  }
  write(
      "{\"head\":{\"v\":1,\"job\":\"../x\",\"started_at\":1,\"cluster\":\"\",\"stage\":\"\","
      "\"tree_digest\":\"\",\"units\":0}}\n");
  EXPECT_THAT(records().error().message, HasSubstr("line 1: head.job"));
}

TEST_F(JournalTest, AHeadOfBeforeHasNoFolder) {
  (void)Journal::create(project(), head_, units_).value();
  std::string old = text();
  const std::string folder = "\"folder\":\"/srv/shop/ci\",";
  ASSERT_NE(old.find(folder), std::string::npos) << old;
  write(old.erase(old.find(folder), folder.size()));
  const Journal journal = Journal::open(project(), "abc1").value();
  head_.folder.clear();
  EXPECT_EQ(journal.head(), head_);
}

TEST_F(JournalTest, OneOfTheFirstVersionIsRead) {
  (void)Journal::create(project(), head_, units_).value();
  std::string old = text();
  const std::size_t version = old.find("\"v\":2");
  ASSERT_NE(version, std::string::npos) << old;
  write(old.replace(version, 5, "\"v\":1"));
  EXPECT_EQ(Journal::open(project(), "abc1").value().head(), head_);
}

TEST_F(JournalTest, UnitsHaveDifferentIds) {
  units_[1].id = "1";
  (void)Journal::create(project(), head_, units_).value();
  EXPECT_THAT(records().error().message, HasSubstr("same id"));
}

TEST_F(JournalTest, OneAtATime) {
  const Journal journal = Journal::create(project(), head_, units_).value();
  EXPECT_EQ(Journal::open(project(), "abc1").error().kind, ErrorKind::kRefused);
  EXPECT_THAT(cut_off_jobs(project()), IsEmpty()) << "it runs";
}

TEST_F(JournalTest, NamesThatAreNoJobsAreNotFound) {
  for (const char* name : {"", "../../etc/passwd", "abc2", "abc1.journal"})
    EXPECT_EQ(Journal::open(project(), name).error().kind, ErrorKind::kNotFound) << name;
}

TEST_F(JournalTest, OnlyItsOwnerMayRead) {
  (void)Journal::create(project(), head_, units_).value();
  EXPECT_EQ(fs::status(file()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(file().parent_path()).permissions(), fs::perms::owner_all);
  EXPECT_EQ(read_file(project() / config::kOwnFolder / ".gitignore").value(), "*\n");
}

TEST_F(JournalTest, CutOffJobsAreListedUntilTheyAreOld) {
  (void)Journal::create(project(), head_, units_).value();
  ASSERT_THAT(cut_off_jobs(project()), SizeIs(1));
  EXPECT_EQ(cut_off_jobs(project()).front().job, "abc1");
  fs::last_write_time(file(), fs::file_time_type::clock::now() - std::chrono::hours(24 * 8));
  EXPECT_THAT(cut_off_jobs(project()), IsEmpty());
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(JournalTest, OfManyCutOffJobsTheLastFiveAreKept) {
  const auto now = fs::file_time_type::clock::now();
  for (int i = 0; i < 7; ++i) {
    head_.job = "job" + std::to_string(i);
    const fs::path made = Journal::create(project(), head_, units_).value().file();
    fs::last_write_time(made, now - std::chrono::minutes(60 - i));
  }
  const auto found = cut_off_jobs(project());
  ASSERT_THAT(found, SizeIs(5));
  EXPECT_EQ(found.front().job, "job6");
  EXPECT_EQ(found.back().job, "job2");
  EXPECT_FALSE(Journal::open(project(), "job1"));
}

/// Looks for jobs that were cut off for as long as it lives.
class Watch {
 public:
  explicit Watch(const fs::path& project)
      : thread_([this, project] {
          while (!is_over_) {
            found_ += cut_off_jobs(project).size();
            ++looks_;
          }
        }) {
    while (looks_ == 0) std::this_thread::yield();
  }
  [[nodiscard]] std::size_t found() {
    is_over_ = true;
    if (thread_.joinable()) thread_.join();
    return found_;
  }
  ~Watch() { (void)found(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  std::atomic<bool> is_over_ = false;
  std::atomic<std::size_t> looks_ = 0;
  std::size_t found_ = 0;
  std::thread thread_;  ///< Last: it uses the others.
};

TEST_F(JournalTest, NobodyTakesANewOneForOneThatWasCutOff) {
  fs::create_directories(file().parent_path());
  Watch watch(project());
  std::vector<Journal> running;
  for (int i = 0; i < 300; ++i) {
    head_.job = "job" + std::to_string(i);
    auto journal = Journal::create(project(), head_, units_);
    ASSERT_TRUE(journal) << journal.error().message;
    running.push_back(*std::move(journal));
  }
  EXPECT_EQ(watch.found(), 0U);
}

TEST_F(JournalTest, OneThatIsRemovedBetweenOpeningAndLockingIsNotThere) {
  {
    Journal journal = Journal::create(project(), head_, units_).value();
    before_next_lock = [&] { journal.remove(); };
    EXPECT_THAT(cut_off_jobs(project()), IsEmpty());
  }
  Journal journal = Journal::create(project(), head_, units_).value();
  before_next_lock = [&] { journal.remove(); };
  EXPECT_EQ(Journal::open(project(), "abc1").error().kind, ErrorKind::kNotFound);
}

/// Of waitpid(). The child exits with what `run` gives.
int status_of_child(const std::function<bool()>& run) {
  const auto child = ::fork();
  if (child == 0) ::_exit(run() ? 1 : 0);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

/// Whoever writes more into one is killed.
void limit_files(rlim_t most_bytes) {
  const rlimit limit{.rlim_cur = most_bytes, .rlim_max = RLIM_INFINITY};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

TEST_F(JournalTest, OneWhoseProcessDiedWhileItWroteTheHeadIsNoJob) {
  const int status = status_of_child([&] {
    limit_files(50);
    return Journal::create(project(), head_, units_).has_value();
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_THAT(cut_off_jobs(project()), IsEmpty());
  EXPECT_EQ(Journal::open(project(), "abc1").error().kind, ErrorKind::kNotFound);
  const auto left = fs::directory_iterator(file().parent_path())->path();
  EXPECT_EQ(fs::file_size(left), 50U);
  fs::last_write_time(left, fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_THAT(cut_off_jobs(project()), IsEmpty());
  EXPECT_TRUE(fs::is_empty(file().parent_path())) << left;
}

TEST_F(JournalTest, OneThatCannotBeWrittenAnyMoreCanBeRemoved) {
  const int status = status_of_child([&] {
    Journal journal = Journal::create(project(), head_, units_).value();
    limit_files(fs::file_size(file()) + 10);
    ::signal(SIGXFSZ, SIG_IGN);  // As on a full disk.
    const auto added = journal.add(ReturnRecord{.unit = "a long name of a unit"});
    journal.remove();
    return !added && added.error().kind == ErrorKind::kIo;
  });
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_TRUE(fs::is_empty(file().parent_path()));
}

TEST_F(JournalTest, ARemovedOneIsGone) {
  Journal journal = Journal::create(project(), head_, units_).value();
  journal.remove();
  EXPECT_FALSE(fs::exists(file()));
  EXPECT_THAT(cut_off_jobs(project()), IsEmpty());
}

TEST_F(JournalTest, OnlyABrokerOfARunThatGoesOnIsFound) {
  {
    Journal journal = Journal::create(project(), head_, units_).value();
    EXPECT_THAT(live_brokers(project()), IsEmpty());
    ASSERT_TRUE(journal.link_broker("/tmp/first/broker"));
    ASSERT_TRUE(journal.link_broker("/tmp/second/broker"));
    EXPECT_THAT(live_brokers(project()), testing::ElementsAre("/tmp/second/broker"));
  }
  EXPECT_THAT(live_brokers(project()), IsEmpty()) << "its process has died";
  Journal::open(project(), "abc1").value().remove();
  EXPECT_TRUE(fs::is_empty(file().parent_path()));
}

TEST_F(JournalTest, LinesMayBeLong) {
  finished_.result.output = std::string(std::size_t{5} * 1024 * 1024, 'x');
  {
    Journal journal = Journal::create(project(), head_, units_).value();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(journal.add_reply(protocol::encode(finished_)));
  }
  EXPECT_THAT(records().value(), SizeIs(3));
}

}  // namespace
}  // namespace gorgon::originator
