#include "results/case_outside.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <ranges>
#include <string>
#include <vector>

#include "results/verdict.h"

namespace gorgon::results {

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
  return std::string(name_of(verdict));
}

bool has_bad_case(const UnitResult& result) {
  return std::ranges::any_of(result.cases,
                             [](const TestCase& test_case) { return is_bad(test_case.status); });
}

/// One unit may have had a case that was killed, and be killed itself later.
bool was_killed(const TestCase& test_case, const Failure& error) {
  return !error.killed_case.empty() && error.killed_case == key_of(test_case);
}

bool tells(const TestCase& test_case, const Failure& error) {
  if (!is_bad(test_case.status) || !test_case.failure) return false;
  const bool has_ended_both = error.stage == "exit" && test_case.failure->stage == "exit";
  return has_ended_both || was_killed(test_case, error);
}

/// No more than its name, as it is, and what an exit code or Node's "test failed" says.
bool says_nothing(const TestCase& test_case) {
  if (!test_case.failure) return true;
  const Failure& failure = *test_case.failure;
  return failure.exception_class.empty() && failure.backtrace.empty();
}

bool was_killed(const TestCase& test_case, const UnitResult& result) {
  return std::ranges::any_of(result.errors,
                             [&](const Failure& error) { return was_killed(test_case, error); });
}

std::vector<Failure> errors_of(const UnitResult& result) {
  std::vector<Failure> errors = errors_outside(result);
  if (!errors.empty() || !went_wrong_outside(result)) return errors;
  return {{.stage = std::string(name_of(result.verdict)),
           .exception_class = "",
           .message = message_for(result.verdict),
           .backtrace = {}}};
}

}  // namespace

std::vector<Failure> errors_outside(const UnitResult& result) {
  std::vector<Failure> errors = result.errors;
  std::erase_if(errors, [&](const Failure& error) {
    return std::ranges::any_of(result.cases,
                               [&](const TestCase& test_case) { return tells(test_case, error); });
  });
  return errors;
}

bool went_wrong_outside(const UnitResult& result) {
  if (result.verdict == Verdict::kPassed) return !result.errors.empty();
  // Cases that failed do not say why there was a crash.
  const bool can_be_told = result.verdict == Verdict::kFailed || !result.errors.empty();
  return !can_be_told || !has_bad_case(result) || !errors_outside(result).empty();
}

const TestCase* case_with_output(const UnitResult& result) {
  if (result.output.empty() || went_wrong_outside(result)) return nullptr;
  for (const TestCase& test_case : std::views::reverse(result.cases)) {
    const bool has_output = !test_case.output.empty();
    if (!is_bad(test_case.status) || has_output) continue;
    if (says_nothing(test_case) || was_killed(test_case, result)) return &test_case;
  }
  return nullptr;
}

std::optional<TestCase> case_outside(const UnitResult& result) {
  const std::vector<Failure> errors = errors_of(result);
  if (errors.empty() && result.earlier_errors.empty()) return std::nullopt;
  TestCase outside;
  outside.name = result.running_case.empty() ? std::string(kOutsideOfCases) : result.running_case;
  outside.location = result.running_location;
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

}  // namespace gorgon::results
