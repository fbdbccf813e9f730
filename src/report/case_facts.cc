#include "report/case_facts.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/summary.h"
#include "results/verdict.h"

namespace gorgon::report {

using results::CaseStatus;
using results::Failure;
using results::TestCase;
using results::UnitResult;
using results::Verdict;

namespace {

/// Of a unit that has not passed and says nothing of it.
std::string message_for(Verdict verdict) {
  switch (verdict) {
    case Verdict::kCancelled:
      return "cancelled: the run was ended before it had a verdict";
    case Verdict::kLost:
      return "lost: nobody could run it";
    case Verdict::kPassed:
    case Verdict::kFailed:
    case Verdict::kCrashed:
    case Verdict::kTimedOut:
      break;
  }
  return std::string(results::name_of(verdict));
}

std::vector<Failure> errors_of(const UnitResult& result) {
  if (!result.errors.empty() || result.verdict == Verdict::kPassed) return result.errors;
  const bool is_told = std::ranges::any_of(
      result.cases, [](const TestCase& test_case) { return is_bad(test_case.status); });
  if (is_told && result.verdict == Verdict::kFailed) return {};
  return {{.stage = std::string(results::name_of(result.verdict)),
           .exception_class = "",
           .message = message_for(result.verdict),
           .backtrace = {}}};
}

}  // namespace

SourcePlace source_place(const TestCase& test_case, const std::string& file) {
  const std::string& location = test_case.location;
  const std::size_t colon = location.rfind(':');
  if (colon == std::string::npos) return {.file = file, .line = ""};
  std::string line = location.substr(colon + 1);
  const bool has_line =
      !line.empty() && std::ranges::all_of(line, [](char c) { return c >= '0' && c <= '9'; });
  if (!has_line) return {.file = file, .line = ""};
  return {.file = location.substr(0, colon), .line = std::move(line)};
}

std::optional<TestCase> case_outside(const UnitResult& result) {
  const std::vector<Failure> errors = errors_of(result);
  if (errors.empty() && result.earlier_errors.empty()) return std::nullopt;
  TestCase outside;
  outside.name = result.running_case.empty() ? "(outside of the cases)" : result.running_case;
  outside.earlier_failures = result.earlier_errors;
  if (errors.empty()) return outside;
  outside.status = CaseStatus::kError;
  Failure& all = outside.failure.emplace(errors.front());
  for (std::size_t i = 1; i < errors.size(); ++i) {
    all.backtrace.push_back(errors[i].message);
    all.backtrace.insert(all.backtrace.end(), errors[i].backtrace.begin(),
                         errors[i].backtrace.end());
  }
  return outside;
}

}  // namespace gorgon::report
