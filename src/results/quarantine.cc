#include "results/quarantine.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "results/case_outside.h"
#include "results/verdict.h"

namespace gorgon::results {

namespace {

/// What went wrong in a unit outside of its cases becomes a case of its own.
void excuse_errors(UnitResult& result, const std::string& why) {
  auto outside = case_outside(result);
  if (!outside) return;
  outside->id = kOutsideOfCases;
  outside->status = CaseStatus::kQuarantined;
  outside->pending_message = why;
  result.cases.push_back(*std::move(outside));
  result.errors.clear();
  result.earlier_errors.clear();
}

}  // namespace

Quarantine::Quarantine(std::vector<Entry> entries) {
  for (Entry& entry : entries) {
    std::string file = entry.file;
    entries_[std::move(file)].push_back(std::move(entry));
  }
}

void Quarantine::apply_to(const std::string& file, UnitResult& result) const {
  const auto found = entries_.find(file);
  if (found == entries_.end()) return;
  bool has_quarantined = false;
  bool has_bad = false;
  for (TestCase& test_case : result.cases) {
    if (!is_bad(test_case.status)) continue;
    const std::string* reason = why(file, test_case);
    has_bad |= reason == nullptr;
    if (reason == nullptr) continue;
    has_quarantined = true;
    test_case.status = CaseStatus::kQuarantined;
    test_case.pending_message = *reason;
  }
  const auto whole = std::ranges::find_if(
      found->second, [](const Entry& entry) { return entry.test_case.empty(); });
  if (whole == found->second.end()) {
    if (result.verdict == Verdict::kFailed && result.errors.empty() && has_quarantined && !has_bad)
      result.verdict = Verdict::kPassed;
    return;
  }
  const bool is_known = result.verdict == Verdict::kFailed || result.verdict == Verdict::kCrashed ||
                        result.verdict == Verdict::kTimedOut;
  if (!is_known) return;
  const bool is_told =
      result.verdict == Verdict::kFailed && result.errors.empty() && has_quarantined;
  if (!is_told) excuse_errors(result, whole->why);
  result.verdict = Verdict::kPassed;
}

/// Null: it is in no quarantine.
const std::string* Quarantine::why(const std::string& file, const TestCase& test_case) const {
  for (const Entry& entry : entries_.at(file)) {
    if (entry.test_case.empty() || entry.test_case == test_case.id ||
        entry.test_case == test_case.name)
      return &entry.why;
  }
  return nullptr;
}

}  // namespace gorgon::results
