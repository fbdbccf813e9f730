// TAP version 14, as test harnesses read it: one test point a case. docs/reports.md says what
// becomes of what.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "report/reporter.h"
#include "report/spooled_file.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

/// Points are written as their units finish; memory does not grow with them. The file is there from
/// RunFinished on.
class TapReporter final : public Reporter {
 public:
  explicit TapReporter(SpooledFile file) : file_(std::move(file)) {}

  void on(const results::RunEvent& event) override;
  [[nodiscard]] int write_error() const override { return error_; }

 private:
  void add_unit(const results::UnitFinished& event);
  /// `output`: of the case, or of the unit that it stands for.
  void add_point(const results::Unit& unit, const results::TestCase& test_case,
                 const std::string& output);
  void finish(const results::RunFinished& event);

  SpooledFile file_;
  std::size_t points_ = 0;
  std::size_t bad_points_ = 0;
  int error_ = 0;
};

/// `text` as a description or the reason of a directive: one line, in which neither "#" nor "\"
/// means anything (TAP 14, "Escaping").
[[nodiscard]] std::string tap_text(std::string_view text);

}  // namespace gorgon::report
