#include "report/html.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>

#include "report/html_records.h"
#include "report/page_shell.h"
#include "report/spooled_file.h"
#include "report/summary.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

namespace {

/// From the page to a folder that is named from the project; empty when it is not below the page's:
/// where the page is sent, that is not.
std::string link_to(const std::filesystem::path& folder, const HtmlContext& context) {
  if (folder.empty() || context.project.empty()) return {};
  const auto link =
      (context.project / folder).lexically_normal().lexically_relative(context.page_folder);
  if (link.empty() || *link.begin() == "..") return {};
  return "./" + link.generic_string();
}

}  // namespace

HtmlReporter::HtmlReporter(SpooledFile file, HtmlContext context)
    : file_(std::move(file)), context_(std::move(context)), summary_(Summary::Details::kCut) {
  head_.arguments = context_.arguments;
}

void HtmlReporter::on(const results::RunEvent& event) {
  summary_.add(event);
  add_record(event);
  if (const auto* started = std::get_if<results::RunStarted>(&event)) {
    head_.job = started->job;
    head_.started_at = started->started_at;
  } else if (const auto* unit = std::get_if<results::UnitFinished>(&event)) {
    head_.flaky_cases +=
        static_cast<std::size_t>(std::ranges::count_if(unit->result->cases, results::is_flaky));
  } else if (const auto* finished = std::get_if<results::RunFinished>(&event)) {
    head_.finished = *finished;
    head_.artifacts_link = link_to(finished->artifacts.folder, context_);
    finish();
  }
}

void HtmlReporter::add_record(const results::RunEvent& event) {
  const std::string record = record_json(event, context_.past, budget_);
  if (record.empty()) return;
  file_.add(has_records_ ? ",\n" : "\n");
  file_.add(record);
  has_records_ = true;
}

void HtmlReporter::finish() {
  const PageShell page =
      page_shell({.title = head_.job.empty() ? "gorgon" : fmt::format("gorgon {}", head_.job)});
  const std::string head = fmt::format(R"({}{{"head":{},"records":[)", page.before,
                                       head_json(head_, summary_, context_.past.runs));
  error_ = finish_report(file_, head, "\n]}" + page.after);
}

}  // namespace gorgon::report
