#include "originator/dispatch.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "results/verdict.h"

namespace gorgon::originator {

namespace {

/// Units with the broker for each worker: one that runs, and others for as long as it takes us to
/// give it more. Before any worker shows itself there may be many already.
constexpr std::size_t kUnitsPerWorker = 4;
constexpr std::size_t kLeastUnits = 32;

}  // namespace

Dispatch::Dispatch(const std::vector<results::Unit>& units,
                   const std::map<std::string, GroupLimit>& limits,
                   const std::vector<std::string>& groups) {
  if (limits.empty()) return;
  for (const auto& [group, limit] : limits) lines_[group].limit = limit;
  entries_.reserve(units.size());
  positions_.reserve(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) {
    Line& line = lines_[groups[i]];
    line.kept_back.insert(line.kept_back.end(), i);
    positions_.emplace(units[i].id, i);
    entries_.push_back({.unit = &units[i], .line = &line});
  }
}

/// How many more of it the broker may have now.
std::size_t Dispatch::room_in(const Line& line, std::size_t hosts) const {
  const std::size_t on_hosts = line.limit.per_host > entries_.size()
                                   ? entries_.size()
                                   : line.limit.per_host * std::max<std::size_t>(hosts, 1);
  const std::size_t most = std::min(line.limit.total, on_hosts);
  return most - std::min(most, line.handed_out);
}

std::vector<const results::Unit*> Dispatch::next(std::size_t workers, std::size_t hosts) const {
  struct Head {
    std::set<std::size_t>::const_iterator first;
    std::set<std::size_t>::const_iterator end;
    std::size_t room = 0;
  };
  std::vector<Head> heads;
  heads.reserve(lines_.size());
  for (const auto& [group, line] : lines_)
    heads.push_back({line.kept_back.begin(), line.kept_back.end(), room_in(line, hosts)});
  std::vector<const results::Unit*> units;
  const std::size_t most = std::max(kLeastUnits, workers * kUnitsPerWorker);
  while (handed_out_ + units.size() < most) {
    Head* next = nullptr;
    for (Head& head : heads) {
      const bool may_go = head.room > 0 && head.first != head.end;
      if (may_go && (next == nullptr || *head.first < *next->first)) next = &head;
    }
    if (next == nullptr) break;
    units.push_back(entries_[*next->first].unit);
    ++next->first;
    --next->room;
  }
  return units;
}

std::vector<const results::Unit*> Dispatch::handed_out() const {
  std::vector<const results::Unit*> units;
  for (const Entry& entry : entries_) {
    if (entry.place == Place::kHandedOut) units.push_back(entry.unit);
  }
  return units;
}

void Dispatch::hand_out(std::string_view unit) { move(unit, Place::kHandedOut); }
void Dispatch::finish(std::string_view unit) { move(unit, Place::kDone); }

void Dispatch::move(std::string_view unit, Place place) {
  const auto position = positions_.find(unit);
  if (position == positions_.end()) return;
  const Place now = entries_[position->second].place;
  if (now != Place::kDone && now != place) move(position->second, place);
}

void Dispatch::move(std::size_t position, Place place) {
  Entry& entry = entries_[position];
  if (entry.place == Place::kHere) entry.line->kept_back.erase(position);
  if (entry.place == Place::kHandedOut) {
    --handed_out_;
    --entry.line->handed_out;
  }
  entry.place = place;
  if (place == Place::kHere) entry.line->kept_back.insert(position);
  if (place == Place::kHandedOut) {
    ++handed_out_;
    ++entry.line->handed_out;
  }
}

void Dispatch::take_all_back() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].place == Place::kHandedOut) move(i, Place::kHere);
  }
}

}  // namespace gorgon::originator
