#include "plan/bisection.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"

namespace gorgon::plan {

namespace {

/// Into `count` parts that differ in size by one at most; `count` is not more than its size.
std::vector<Subset> split(const Subset& whole, std::size_t count) {
  std::vector<Subset> parts;
  auto from = whole.begin();
  for (std::size_t i = 0; i < count; ++i) {
    const auto end = whole.size() * (i + 1) / count;
    const auto to = whole.begin() + static_cast<std::ptrdiff_t>(end);
    parts.emplace_back(from, to);
    from = to;
  }
  return parts;
}

Subset without(const Subset& whole, const Subset& part) {
  Subset rest;
  std::ranges::set_difference(whole, part, std::back_inserter(rest));
  return rest;
}

/// Of parts in ascending order.
Subset joined(const std::vector<Subset>& parts, std::size_t from, std::size_t to) {
  Subset all;
  for (std::size_t i = from; i < to; ++i) std::ranges::copy(parts[i], std::back_inserter(all));
  return all;
}

}  // namespace

Bisection::Bisection(std::size_t count) : smallest_(count) {
  std::iota(smallest_.begin(), smallest_.end(), std::size_t{0});
}

bool Bisection::fails(const Subset& candidate) const {
  const auto found = known_.find(candidate);
  return found != known_.end() && found->second == Outcome::kFails;
}

void Bisection::take(const Subset& candidate, Outcome outcome) {
  known_.insert_or_assign(candidate, outcome);
}

std::vector<Subset> Bisection::next(std::size_t most) {
  GORGON_CHECK(most > 0);
  while (smallest_.size() > 1) {
    const std::size_t part_count = std::min(std::max(parts_, most), smallest_.size());
    const std::vector<Subset> parts = split(smallest_, part_count);
    if (adopt_part(parts)) continue;
    if (auto several = leave_out_several(parts, most)) {
      if (several->empty()) continue;
      return *std::move(several);
    }
    auto candidates = untried(parts, most);
    if (!candidates.empty()) return candidates;
    if (part_count == smallest_.size()) break;
    parts_ = std::min(2 * part_count, smallest_.size());
  }
  return {};
}

/// The smallest part that fails by itself is what is looked at from now on.
bool Bisection::adopt_part(const std::vector<Subset>& parts) {
  const Subset* smallest = nullptr;
  for (const Subset& part : parts) {
    if (fails(part) && (smallest == nullptr || part.size() < smallest->size())) smallest = &part;
  }
  if (smallest == nullptr) return false;
  smallest_ = *smallest;
  parts_ = 2;
  return true;
}

/// Nullopt: no part is known to be dispensable. Empty: some were left out for good. Otherwise what
/// has to be tried first: to leave out all of them, or half of them.
std::optional<std::vector<Subset>> Bisection::leave_out_several(const std::vector<Subset>& parts,
                                                                std::size_t most) {
  std::vector<Subset> dispensable;
  for (const Subset& part : parts) {
    if (fails(without(smallest_, part))) dispensable.push_back(part);
  }
  if (dispensable.empty()) return std::nullopt;
  const std::size_t count = dispensable.size();
  const std::size_t half = (count + 1) / 2;
  std::vector<std::pair<Subset, std::size_t>> rests;  // And how many parts are left out.
  const auto add = [&](std::size_t from, std::size_t to) {
    if (from < to) rests.emplace_back(without(smallest_, joined(dispensable, from, to)), to - from);
  };
  add(0, count);
  add(0, half);
  add(half, count);
  std::vector<Subset> candidates;
  for (const auto& [rest, left_out] : rests) {
    // Without all of its things the case passes: that is known.
    if (fails(rest)) {
      smallest_ = rest;
      parts_ = std::max<std::size_t>(2, parts.size() - left_out);
      return std::vector<Subset>();
    }
    if (!rest.empty() && !is_known(rest) && candidates.size() < most) candidates.push_back(rest);
  }
  if (!candidates.empty()) return candidates;
  smallest_ = without(smallest_, dispensable.front());
  parts_ = std::max<std::size_t>(2, parts.size() - 1);
  return std::vector<Subset>();
}

/// Parts first: one that fails leaves least.
std::vector<Subset> Bisection::untried(const std::vector<Subset>& parts, std::size_t most) const {
  std::vector<Subset> candidates;
  const auto add = [&](Subset candidate) {
    const bool is_there = std::ranges::find(candidates, candidate) != candidates.end();
    if (candidates.size() < most && !is_there && !is_known(candidate))
      candidates.push_back(std::move(candidate));
  };
  for (const Subset& part : parts) add(part);
  for (const Subset& part : parts) add(without(smallest_, part));
  return candidates;
}

}  // namespace gorgon::plan
