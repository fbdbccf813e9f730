// Which units go to a worker in one message: short ones together, so that starting each and telling
// of it does not cost more than it takes. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "originator/make_plan.h"
#include "results/verdict.h"

namespace gorgon::originator {

/// In one message, which whoever reads it must hold.
inline constexpr std::size_t kMostUnitsTogether = 64;

class Batches {
 public:
  using Batch = std::vector<const results::Unit*>;

  /// Each unit by itself.
  Batches() = default;
  /// By the recorded times of the plan. Units are short below 20 ms, where what surrounds them (0.5
  /// to 2 ms each, over RabbitMQ: bench/peers) begins to count. A batch takes at most a 40th of
  /// what all units take, so that ten slots still have four each, and at most 0.1 s: it is lost as
  /// a whole with its worker, and nobody wants to wait for its end.
  explicit Batches(const Plan& plan);

  /// `units` in their order, short ones in a row together.
  [[nodiscard]] std::vector<Batch> of(std::span<const results::Unit* const> units) const;

 private:
  std::unordered_map<std::string, double> short_;  ///< Seconds, by unit.
  double most_seconds_ = 0;                        ///< Of a batch.
};

}  // namespace gorgon::originator
