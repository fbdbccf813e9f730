#include "results/verdict.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gorgon::results {

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "passed";
    case Verdict::kFailed:
      return "failed";
    case Verdict::kCrashed:
      return "crashed";
    case Verdict::kTimedOut:
      return "timed_out";
    case Verdict::kCancelled:
      return "cancelled";
    case Verdict::kLost:
      return "lost";
  }
  return "lost";
}

std::string_view name_of(CaseStatus status) {
  switch (status) {
    case CaseStatus::kPassed:
      return "passed";
    case CaseStatus::kFailed:
      return "failed";
    case CaseStatus::kError:
      return "error";
    case CaseStatus::kSkipped:
      return "skipped";
    case CaseStatus::kPending:
      return "pending";
    case CaseStatus::kQuarantined:
      return "quarantined";
  }
  return "error";
}

std::optional<Verdict> verdict_named(std::string_view name) {
  for (const Verdict verdict : {Verdict::kPassed, Verdict::kFailed, Verdict::kCrashed,
                                Verdict::kTimedOut, Verdict::kCancelled, Verdict::kLost}) {
    if (name_of(verdict) == name) return verdict;
  }
  return std::nullopt;
}

std::optional<CaseStatus> case_status_named(std::string_view name) {
  for (const CaseStatus status :
       {CaseStatus::kPassed, CaseStatus::kFailed, CaseStatus::kError, CaseStatus::kSkipped,
        CaseStatus::kPending, CaseStatus::kQuarantined}) {
    if (name_of(status) == name) return status;
  }
  return std::nullopt;
}

std::optional<CaseStatus> runner_status_named(std::string_view name) {
  const auto status = case_status_named(name);
  return status == CaseStatus::kQuarantined ? std::nullopt : status;
}

std::vector<std::string> words_for(const std::string& file,
                                   const std::vector<std::string>& places) {
  std::string lines;
  std::string ids;
  std::vector<std::string> words;
  for (const std::string& place : places) {
    if (place.starts_with("::")) {
      words.push_back(file + place);
    } else if (place.starts_with('[') && place.ends_with(']')) {
      ids += (ids.empty() ? "" : ",") + place.substr(1, place.size() - 2);
    } else {
      lines += place;
    }
  }
  if (!lines.empty() || (ids.empty() && words.empty())) words.push_back(file + lines);
  if (!ids.empty()) words.push_back(file + "[" + ids + "]");
  return words;
}

bool is_bad(CaseStatus status) {
  return status == CaseStatus::kFailed || status == CaseStatus::kError;
}

const std::string& key_of(const TestCase& test_case) {
  return test_case.id.empty() ? test_case.name : test_case.id;
}

bool is_flaky(const TestCase& test_case) {
  return test_case.status == CaseStatus::kPassed && !test_case.earlier_failures.empty();
}

bool has_flaky_part(const UnitResult& result) {
  return result.verdict == Verdict::kPassed &&
         (!result.earlier_errors.empty() || std::ranges::any_of(result.cases, is_flaky));
}

}  // namespace gorgon::results
