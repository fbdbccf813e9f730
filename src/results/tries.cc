#include "results/tries.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "results/case_outside.h"
#include "results/verdict.h"

namespace gorgon::results {

namespace {

template <class T>
void put_before(std::vector<T>& list, std::vector<T> earlier) {
  std::ranges::move(list, std::back_inserter(earlier));
  list = std::move(earlier);
}

/// One that failed without a reason still counts as a failure.
Failure failure_of(TestCase test_case) {
  if (test_case.failure) return *std::move(test_case.failure);
  return {.stage = "", .exception_class = "", .message = "it failed", .backtrace = {}};
}

TestCase with_earlier_tries(TestCase last, TestCase earlier) {
  std::vector<Failure> failures = std::exchange(earlier.earlier_failures, {});
  const bool has_failed = is_bad(earlier.status) || earlier.status == CaseStatus::kQuarantined;
  if (has_failed) failures.push_back(failure_of(std::move(earlier)));
  put_before(last.earlier_failures, std::move(failures));
  return last;
}

}  // namespace

std::vector<std::string> cases_to_try_again(const UnitResult& result) {
  std::vector<std::string> cases;
  if (result.verdict != Verdict::kFailed || !result.errors.empty()) return cases;
  for (const TestCase& test_case : result.cases) {
    if (is_bad(test_case.status)) cases.push_back(test_case.id);
  }
  return cases;
}

UnitResult with_earlier_tries(UnitResult last, UnitResult earlier) {
  if (last.verdict == Verdict::kCancelled || last.verdict == Verdict::kLost) return earlier;
  const auto is_bad_case = [](const TestCase& test_case) { return is_bad(test_case.status); };
  const bool has_explained_failure =
      !last.errors.empty() || std::ranges::any_of(last.cases, is_bad_case);

  std::vector<Failure> earlier_errors = errors_outside(earlier);
  std::vector<TestCase> cases = std::move(earlier.cases);
  std::vector<TestCase> further;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < cases.size(); ++i) places.emplace(cases[i].id, i);
  for (TestCase& test_case : last.cases) {
    const auto place = places.find(test_case.id);
    if (place == places.end()) {
      further.push_back(std::move(test_case));
    } else {
      TestCase& known = cases[place->second];
      known = with_earlier_tries(std::move(test_case), std::move(known));
    }
  }
  std::ranges::move(further, std::back_inserter(cases));
  last.cases = std::move(cases);
  put_before(earlier.earlier_errors, std::move(last.earlier_errors));
  std::ranges::move(earlier_errors, std::back_inserter(earlier.earlier_errors));
  last.earlier_errors = std::move(earlier.earlier_errors);
  last.seconds += earlier.seconds;
  const bool came_to_its_end = last.verdict == Verdict::kPassed ||
                               (last.verdict == Verdict::kFailed && has_explained_failure);
  if (came_to_its_end) {
    const bool failed = !last.errors.empty() || std::ranges::any_of(last.cases, is_bad_case);
    last.verdict = failed ? Verdict::kFailed : Verdict::kPassed;
  }
  return last;
}

}  // namespace gorgon::results
