#include "originator/batches.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "originator/make_plan.h"
#include "plan/schedule.h"
#include "results/verdict.h"

namespace gorgon::originator {

namespace {

constexpr double kShortSeconds = 0.02;
constexpr double kMostSeconds = 0.1;
constexpr double kLeastBatches = 40;

}  // namespace

Batches::Batches(const Plan& plan) {
  double all = 0;
  for (std::size_t i = 0; i < plan.units.size() && i < plan.files.size(); ++i) {
    const plan::PlannedFile& file = plan.files[i];
    if (!file.expected) continue;
    all += file.expected->count();
    if (file.is_recorded && file.expected->count() < kShortSeconds)
      short_.emplace(plan.units[i].id, file.expected->count());
  }
  most_seconds_ = std::min(all / kLeastBatches, kMostSeconds);
}

std::vector<Batches::Batch> Batches::of(std::span<const results::Unit* const> units) const {
  std::vector<Batch> batches;
  double seconds = 0;
  bool is_open = false;
  for (const results::Unit* unit : units) {
    const auto found = short_.find(unit->id);
    const bool is_short = found != short_.end();
    const double more = is_short ? found->second : 0;
    const bool fits = is_open && is_short && seconds + more <= most_seconds_ &&
                      batches.back().size() < kMostUnitsTogether;
    if (!fits) {
      batches.emplace_back();
      seconds = 0;
    }
    batches.back().push_back(unit);
    seconds += more;
    is_open = is_short;
  }
  return batches;
}

}  // namespace gorgon::originator
