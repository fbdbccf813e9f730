#include "cli/record_lines.h"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "history/compare.h"
#include "history/store.h"

namespace gorgon::cli {

namespace {

// Ordered, so that a line begins with its event, as those of a run do.
using Line = nlohmann::ordered_json;

std::string text_of(const Line& line) {
  return line.dump(-1, ' ', false, Line::error_handler_t::replace) + '\n';
}

Line text_or_null(const std::string& text) { return text.empty() ? Line(nullptr) : Line(text); }

template <class T>
Line value_or_null(const std::optional<T>& value) {
  return value ? Line(*value) : Line(nullptr);
}

}  // namespace

std::string json_line(const history::RunSummary& run) {
  return text_of({{"event", "run"},
                  {"number", run.number},
                  {"job", run.job},
                  {"started_at", run.started_at},
                  {"seconds", value_or_null(run.seconds)},
                  {"exit_code", value_or_null(run.exit_code)},
                  {"reason", text_or_null(run.reason)},
                  {"tree", text_or_null(run.tree)},
                  {"files", run.files},
                  {"units", run.units},
                  {"cases", run.cases},
                  {"failed", run.failures},
                  {"flaky", run.flaky},
                  {"arguments", run.arguments}});
}

std::string json_line_of_diff(std::int64_t before, std::int64_t after, std::size_t changes) {
  return text_of({{"event", "diff"}, {"before", before}, {"after", after}, {"changes", changes}});
}

std::string json_line(const history::CaseChange& change) {
  return text_of({{"event", "change"},
                  {"kind", name_of(change.kind)},
                  {"file", change.file},
                  {"name", change.name},
                  {"before", text_or_null(change.before)},
                  {"after", text_or_null(change.after)},
                  {"seconds_before", change.seconds_before},
                  {"seconds_after", change.seconds_after}});
}

std::string json_line(const history::Slowness& one) {
  return text_of({{"event", "slow"},
                  {"file", one.file},
                  {"name", text_or_null(one.name)},
                  {"median_seconds", one.median_seconds},
                  {"most_seconds", one.most_seconds},
                  {"runs", one.runs}});
}

std::string json_line(const history::Flakiness& one) {
  return text_of({{"event", "flaky"},
                  {"file", one.file},
                  {"name", one.name},
                  {"flaky", one.flaky},
                  {"changes", one.changes},
                  {"runs", one.runs}});
}

std::string json_line_of_prune(std::int64_t removed) {
  return text_of({{"event", "pruned"}, {"runs", removed}});
}

std::string_view name_of(history::CaseChange::Kind kind) {
  using Kind = history::CaseChange::Kind;
  switch (kind) {
    case Kind::kBroken:
      return "broken";
    case Kind::kFixed:
      return "fixed";
    case Kind::kNew:
      return "new";
    case Kind::kGone:
      return "gone";
    case Kind::kSlower:
      return "slower";
    case Kind::kFaster:
      return "faster";
  }
  return "";
}

}  // namespace gorgon::cli
