#include "originator/make_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/files.h"
#include "results/job_state.h"
#include "results/verdict.h"

namespace gorgon::originator {
namespace {

using results::Verdict;
using ::testing::HasSubstr;

class SaveHistoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.project = root_.path();
    options_.config.failed_files = "failed.json";
    for (const char* file : {"a_test.rb", "b_test.rb"}) {
      ASSERT_TRUE(write_file(root_.path() / file, ""));
    }
    finish("1", Verdict::kTimedOut, 2.0);
    finish("2", Verdict::kPassed, 0.5);
  }
  void finish(const std::string& unit, Verdict verdict, double seconds) {
    results::UnitResult result{.unit = unit, .verdict = verdict, .seconds = seconds};
    ASSERT_TRUE(state_.finish(std::move(result), {}, 0));
  }
  [[nodiscard]] std::string read(const std::string& file) const {
    return read_file(root_.path() / file).value_or("");
  }

  TempDir root_ = *TempDir::make("gorgon-history-");
  StartOptions options_;
  results::JobState state_{{{.id = "1", .file = "a_test.rb"}, {.id = "2", .file = "b_test.rb"}}};
};

TEST_F(SaveHistoryTest, TimedOutFileCountsAsTheTimeItHad) {
  ASSERT_TRUE(save_history(options_, state_));
  EXPECT_EQ(read(".gorgon/runtimes.json"), "{\n  \"a_test.rb\": 2,\n  \"b_test.rb\": 0.5\n}\n");
}

TEST_F(SaveHistoryTest, SomeCasesOfAFileDoNotCountAsItsRuntime) {
  results::JobState some{{{.id = "1", .file = "a_test.rb", .filter = {.places = {":3"}}},
                          {.id = "2", .file = "b_test.rb"}}};
  for (const char* unit : {"1", "2"}) {
    results::UnitResult result{.unit = unit, .verdict = Verdict::kFailed, .seconds = 0.5};
    ASSERT_TRUE(some.finish(std::move(result), {}, 0));
  }
  ASSERT_TRUE(save_history(options_, some));
  EXPECT_EQ(read(".gorgon/runtimes.json"), "{\n  \"b_test.rb\": 0.5\n}\n");
  EXPECT_THAT(read("failed.json"), HasSubstr("a_test.rb")) << "it has failed all the same";
}

TEST_F(SaveHistoryTest, RuntimesThatCannotBeWrittenDoNotKeepTheFailedFilesFromIt) {
  ASSERT_TRUE(write_file(root_.path() / "file", ""));
  options_.config.runtime_file = "file/runtimes.json";
  const auto saved = save_history(options_, state_);
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error().message, HasSubstr("file/runtimes.json"));
  EXPECT_THAT(read("failed.json"), HasSubstr("a_test.rb"));
  options_.config.failed_files = "file/failed.json";
  const auto neither = save_history(options_, state_);
  ASSERT_FALSE(neither);
  EXPECT_THAT(neither.error().message, HasSubstr("file/runtimes.json"));
  EXPECT_THAT(neither.error().message, HasSubstr("file/failed.json"));
}

}  // namespace
}  // namespace gorgon::originator
