// JUnit XML, as CI servers read it: a suite a file, its cases in it. docs/reports.md says what
// becomes of what.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "report/reporter.h"
#include "report/spooled_file.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

/// Suites are written as their units finish; memory does not grow with them. The file is there from
/// RunFinished on.
class JunitReporter final : public Reporter {
 public:
  explicit JunitReporter(SpooledFile file) : file_(std::move(file)) {}

  void on(const results::RunEvent& event) override;
  [[nodiscard]] int write_error() const override { return error_; }

  struct Counts {
    std::size_t tests = 0;
    std::size_t failures = 0;
    std::size_t errors = 0;
    std::size_t skipped = 0;
    void add(const Counts& other);
  };

 private:
  void add_suite(const results::UnitFinished& event);
  void finish(const results::RunFinished& event);

  SpooledFile file_;
  std::string job_;
  double started_at_ = 0;
  Counts total_;
  int error_ = 0;
};

/// `text` as the content of an element: no character that XML 1.0 §2.2 forbids, markup escaped.
[[nodiscard]] std::string xml_text(std::string_view text);
/// The same for an attribute's value in double quotes; line ends and tabs survive (§3.3.3).
[[nodiscard]] std::string xml_attribute(std::string_view text);

}  // namespace gorgon::report
