// One HTML page that tells all of a run, and needs nothing beside it. docs/reports.md says what is
// on it.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "report/html_records.h"
#include "report/past.h"
#include "report/reporter.h"
#include "report/spooled_file.h"
#include "report/summary.h"
#include "results/run_event.h"

namespace gorgon::report {

/// What no event tells.
struct HtmlContext {
  std::vector<std::string> arguments;      ///< Of `gorgon start`.
  std::filesystem::path project = {};      ///< Absolute; empty: artifacts are no links.
  std::filesystem::path page_folder = {};  ///< Where the page will lie, absolute.
  Past past = {};
};

/// Data is written as it comes; memory does not grow with it. The file is there from RunFinished
/// on.
class HtmlReporter final : public Reporter {
 public:
  HtmlReporter(SpooledFile file, HtmlContext context);

  void on(const results::RunEvent& event) override;
  [[nodiscard]] int write_error() const override { return error_; }

 private:
  void add_record(const results::RunEvent& event);
  void finish();

  SpooledFile file_;
  HtmlContext context_;
  RunHead head_;
  Summary summary_;
  TextBudget budget_;
  bool has_records_ = false;
  int error_ = 0;
};

}  // namespace gorgon::report
