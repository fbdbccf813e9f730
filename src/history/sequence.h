// What each worker of a run did, in order: for those who want to do it again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "history/store.h"
#include "results/verdict.h"

namespace gorgon::history {

/// A unit that a worker has run, or a try of it.
struct RanUnit {
  results::Unit unit;
  /// Without output. Of a try that was not the last: no cases and errors either, since those are
  /// not recorded by the try.
  results::UnitResult result;
  bool is_last_try = true;
};

struct WorkerSequence {
  std::string host;
  std::string worker;
  std::vector<RanUnit> units;  ///< In the order in which they ended, which is that of their start.
  [[nodiscard]] std::string name() const { return host + ":" + worker; }
};

/// Of all workers that have a result in the run, by name. kNotFound, kIo, kTimeout.
[[nodiscard]] Result<std::vector<WorkerSequence>> sequences_of(Store& store, std::int64_t run);

}  // namespace gorgon::history
