#include "plan/schedule.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <queue>
#include <span>
#include <vector>

#include "base/check.h"
#include "plan/runtimes.h"
#include "plan/test_files.h"

namespace gorgon::plan {

namespace {

using Seconds = std::chrono::duration<double>;

/// Guesses the runtime of a file from its size.
class Estimator {
 public:
  Estimator(std::span<const TestFile> files, const Runtimes& recorded) {
    for (const TestFile& file : files) {
      const auto record = recorded.find(file.path);
      if (record == recorded.end()) continue;
      const Seconds runtime = record->second;
      shortest_ = rates_.empty() ? runtime : std::min(shortest_, runtime);
      longest_ = std::max(longest_, runtime);
      rates_.push_back(runtime / bytes_of(file));
    }
    if (rates_.empty()) return;
    const auto middle = rates_.begin() + static_cast<std::ptrdiff_t>(rates_.size() / 2);
    std::ranges::nth_element(rates_, middle);
    median_ = *middle;
  }

  [[nodiscard]] std::optional<Seconds> estimate(const TestFile& file) const {
    if (rates_.empty()) return std::nullopt;
    return std::clamp(median_ * bytes_of(file), shortest_, longest_);
  }

 private:
  static double bytes_of(const TestFile& file) {
    return std::max(1.0, static_cast<double>(file.size_bytes));
  }
  std::vector<Seconds> rates_;  ///< Per byte, of each recorded file.
  Seconds median_{0};
  Seconds shortest_{0};
  Seconds longest_{0};
};

}  // namespace

std::vector<PlannedFile> longest_first(std::span<const TestFile> files, const Runtimes& recorded) {
  const Estimator estimator(files, recorded);
  std::vector<PlannedFile> plan;
  plan.reserve(files.size());
  for (const TestFile& file : files) {
    const auto record = recorded.find(file.path);
    const bool is_recorded = record != recorded.end();
    plan.push_back({.path = file.path,
                    .expected = is_recorded ? record->second : estimator.estimate(file),
                    .is_recorded = is_recorded,
                    .places = file.places});
  }
  // Either all files have an expectation, or none has.
  std::ranges::stable_sort(plan, std::ranges::greater(), &PlannedFile::expected);
  return plan;
}

std::optional<Seconds> estimated_makespan(std::span<const PlannedFile> files, std::size_t slots) {
  GORGON_CHECK(slots > 0);
  std::priority_queue<Seconds, std::vector<Seconds>, std::greater<>> free_at;
  for (std::size_t i = 0; i < std::min(slots, files.size()); ++i) free_at.push(Seconds(0));
  Seconds makespan{0};
  for (const PlannedFile& file : files) {
    if (!file.expected) return std::nullopt;
    const Seconds end = free_at.top() + *file.expected;
    free_at.pop();
    free_at.push(end);
    makespan = std::max(makespan, end);
  }
  return makespan;
}

}  // namespace gorgon::plan
