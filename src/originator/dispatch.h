// Which units are with the broker, and which are kept back: with limited groups a queue that holds
// all of them would hand out what must wait. Without such groups nothing is kept back. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "results/verdict.h"

namespace gorgon::originator {

/// Of a group, in the whole run.
struct GroupLimit {
  std::size_t total = std::numeric_limits<std::size_t>::max();
  std::size_t per_host = std::numeric_limits<std::size_t>::max();
};

class Dispatch {
 public:
  /// The units live as long as this; `group_of` gives "" for units of no limited group.
  Dispatch() = default;
  Dispatch(const std::vector<results::Unit>& units, const std::map<std::string, GroupLimit>& limits,
           const std::vector<std::string>& groups);
  Dispatch(Dispatch&&) = default;
  Dispatch& operator=(Dispatch&&) = default;
  Dispatch(const Dispatch&) = delete;
  Dispatch& operator=(const Dispatch&) = delete;
  ~Dispatch() = default;

  /// Some group has a limit: units go to the broker as others finish.
  [[nodiscard]] bool keeps_back() const { return !lines_.empty(); }
  /// What the broker is to be given now, in planned order past what must wait: so much that workers
  /// find a unit whenever they ask, and no more of a group than may run. A group may have as many
  /// as its limit with the broker; `hosts` times as many as one machine may run.
  [[nodiscard]] std::vector<const results::Unit*> next(std::size_t workers,
                                                       std::size_t hosts) const;
  /// All that the broker has, or workers of it.
  [[nodiscard]] std::vector<const results::Unit*> handed_out() const;

  void hand_out(std::string_view unit);
  void finish(std::string_view unit);
  /// The broker has none of them any more.
  void take_all_back();

 private:
  /// Units of one group, or of none.
  struct Line {
    GroupLimit limit;
    std::set<std::size_t> kept_back;  ///< Positions in planned order.
    std::size_t handed_out = 0;
  };
  enum class Place : std::uint8_t { kHere, kHandedOut, kDone };
  struct Entry {
    const results::Unit* unit = nullptr;
    Line* line = nullptr;
    Place place = Place::kHere;
  };
  void move(std::string_view unit, Place place);
  void move(std::size_t position, Place place);
  [[nodiscard]] std::size_t room_in(const Line& line, std::size_t hosts) const;

  std::map<std::string, Line> lines_;  ///< By group; entries point to them.
  std::vector<Entry> entries_;
  std::unordered_map<std::string_view, std::size_t> positions_;
  std::size_t handed_out_ = 0;
};

}  // namespace gorgon::originator
