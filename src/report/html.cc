#include "report/html.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/digest.h"
#include "base/embedded_file.h"
#include "report/html_records.h"
#include "report/junit.h"
#include "report/page_files.h"
#include "report/spooled_file.h"
#include "report/summary.h"
#include "results/run_event.h"
#include "results/verdict.h"

namespace gorgon::report {

namespace {

/// All files of the page whose names end so, one behind the other.
std::string page_part(std::string_view ending) {
  std::string text;
  for (const EmbeddedFile& file : page_files()) {
    if (file.name.ends_with(ending)) text += file.bytes;
  }
  return text;
}

void put(std::string& page, std::string_view place, std::string_view text) {
  const std::size_t at = page.find(place);
  GORGON_CHECK(at != std::string::npos);
  page.replace(at, place.size(), text);
}

/// Nothing but the page's own style and script: not even a mistake of ours in the data could load
/// or run anything.
std::string policy_of(std::string_view style, std::string_view script) {
  return fmt::format(
      "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; "
      "form-action 'none'",
      sha256_base64(style), sha256_base64(script));
}

/// The page in front of the data, and behind it.
std::pair<std::string, std::string> page_around_data() {
  std::string page = page_part(".html");
  const std::string style = page_part(".css");
  const std::string script = "\"use strict\";\n" + page_part(".js");
  put(page, "{policy}", policy_of(style, script));
  put(page, "{style}", style);
  put(page, "{script}", script);
  constexpr std::string_view kData = "{data}";
  const std::size_t at = page.find(kData);
  GORGON_CHECK(at != std::string::npos);
  return {page.substr(0, at), page.substr(at + kData.size())};
}

}  // namespace

HtmlReporter::HtmlReporter(SpooledFile file, HtmlContext context)
    : file_(std::move(file)), past_(std::move(context.past)), summary_(Summary::Details::kCut) {
  head_.arguments = std::move(context.arguments);
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
    finish();
  }
}

void HtmlReporter::add_record(const results::RunEvent& event) {
  const std::string record = record_json(event, past_, budget_);
  if (record.empty()) return;
  file_.add(has_records_ ? ",\n" : "\n");
  file_.add(record);
  has_records_ = true;
}

void HtmlReporter::finish() {
  auto [before, after] = page_around_data();
  put(before, "{title}",
      xml_text(head_.job.empty() ? "gorgon" : fmt::format("gorgon {}", head_.job)));
  const std::string head =
      fmt::format(R"({}{{"head":{},"records":[)", before, head_json(head_, summary_, past_.runs));
  error_ = finish_report(file_, head, "\n]}" + after);
}

}  // namespace gorgon::report
