#include "report/reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "results/exit_code.h"
#include "results/run_event.h"

namespace gorgon::report {
namespace {

using ::testing::ElementsAre;

/// Notes the exit codes that it is told, and fails to write when it is told the first.
class NotingReporter final : public Reporter {
 public:
  NotingReporter(std::string name, std::vector<std::string>& notes, int error = 0)
      : name_(std::move(name)), notes_(notes), error_(error) {}
  void on(const results::RunEvent& event) override {
    const auto* end = std::get_if<results::RunFinished>(&event);
    if (end == nullptr) return;
    notes_.push_back(name_ + " " + std::to_string(end->exit_code));
    told_error_ = error_;
  }
  [[nodiscard]] int write_error() const override { return told_error_; }

 private:
  std::string name_;
  std::vector<std::string>& notes_;
  int error_;
  int told_error_ = 0;
};

class ReportersTest : public ::testing::Test {
 protected:
  /// What a terminal and a file are told at the end of a run, in that order.
  std::vector<std::string> notes_of(int exit_code, int file_error) {
    std::vector<std::string> notes;
    Reporters reporters;
    reporters.add(std::make_unique<NotingReporter>("terminal", notes));
    reporters.add_file(std::make_unique<NotingReporter>("file", notes, file_error));
    reporters.on(results::RunFinished{.exit_code = exit_code});
    EXPECT_EQ(reporters.write_error(), file_error);
    return notes;
  }
};

TEST_F(ReportersTest, FilesAreWrittenBeforeTheEndIsTold) {
  EXPECT_THAT(notes_of(results::kAllPassed, 0), ElementsAre("file 0", "terminal 0"));
}

TEST_F(ReportersTest, AFileThatCannotBeWrittenIsPartOfTheEnd) {
  EXPECT_THAT(notes_of(results::kAllPassed, ENOSPC), ElementsAre("file 0", "terminal 3"));
}

TEST_F(ReportersTest, AFailureStaysWhatItWas) {
  EXPECT_THAT(notes_of(results::kTestsFailed, ENOSPC), ElementsAre("file 1", "terminal 1"));
}

}  // namespace
}  // namespace gorgon::report
