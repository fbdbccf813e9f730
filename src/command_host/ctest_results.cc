#include "command_host/ctest_results.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "command_host/junit.h"
#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

using results::CaseStatus;

/// What is not run is "skipped" in ctest's XML, also when it could not be run; ctest itself counts
/// that as failed.
void correct(results::TestCase& test, std::string_view log, std::string_view name) {
  const bool is_disabled = test.pending_message.empty();
  if (test.status == CaseStatus::kSkipped && is_disabled) {
    test.pending_message = "disabled";
  } else if (test.status == CaseStatus::kSkipped && !test.pending_message.starts_with("SKIP_")) {
    test.status = CaseStatus::kFailed;
    test.failure = results::Failure{.message = std::exchange(test.pending_message, "")};
  } else if (test.failure && test.failure->message.empty()) {
    test.failure->message = ctest_reason(log, name);
  }
}

}  // namespace

Result<CTestResults> read_ctest(std::string_view xml, std::string_view log, const ReadUnit& unit) {
  GORGON_TRY_ASSIGN(JunitResults junit, read_junit(xml, unit));
  CTestResults results;
  CaseIds ids;
  for (results::TestCase& found : junit.cases) {
    // ctest gives each the same name and classname.
    const std::string name = found.name.substr(0, found.name.size() / 2);
    correct(found, log, name);
    if (name == relative_paths(unit.file, unit)) {
      found.name = unit.file;
      found.id = ids.id_for(unit.file);
      found.location = unit.file;
      results.cases.push_back(std::move(found));
    } else if (found.failure) {
      std::string what = "the fixture " + name + ": " + found.failure->message;
      if (!found.output.empty()) what += "\n" + found.output;
      results.errors.push_back(outside(std::move(what)));
    }
  }
  return results;
}

std::string ctest_pattern(std::string_view name) {
  std::string pattern = "^";
  for (const char c : name) {
    if (std::string_view("^$.[]*+?()|\\{}").contains(c)) pattern += '\\';
    pattern += c;
  }
  return pattern + "$";
}

std::string ctest_reason(std::string_view log, std::string_view name) {
  const std::string start = ": " + std::string(name) + " .";
  constexpr std::string_view kMark = "***";
  for (std::size_t at = log.find(start); at != std::string_view::npos;
       at = log.find(start, at + 1)) {
    const std::string_view line = log.substr(at, log.find('\n', at) - at);
    const auto mark = line.find(kMark, start.size());
    const auto end = line.rfind(" sec");
    if (mark == std::string_view::npos || end == std::string_view::npos || end < mark) continue;
    std::string_view reason = line.substr(mark + kMark.size(), end - mark - kMark.size());
    reason = reason.substr(0, reason.find_last_not_of(" 0123456789.") + 1);
    return std::string(reason);
  }
  return "";
}

}  // namespace gorgon::command_host
