// Questions about several runs: what changed between two of them, what is slow, what is flaky.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "history/store.h"

namespace gorgon::history {

/// A case that two runs tell different things of. What goes wrong outside of a file's cases counts
/// as one more of them, named as the case that was running, if known, else "(outside of the
/// cases)". A failure in quarantine is a failure here.
struct CaseChange {
  enum class Kind { kBroken, kFixed, kNew, kGone, kSlower, kFaster };
  Kind kind = Kind::kBroken;
  std::string file;
  std::string name;
  std::string before;  ///< Its status, or "crashed", "timed_out"; empty for a new one.
  std::string after;   ///< The same; empty for one that is gone.
  double seconds_before = 0;
  double seconds_after = 0;
};
/// By kind, file and name. Of a file that did not run whole and to its end in one of them, no case
/// is new or gone. Slower and faster: by a factor of
/// two and a tenth of a second, between two passes.
[[nodiscard]] Result<std::vector<CaseChange>> changes_between(Store& store, std::int64_t before,
                                                              std::int64_t after);

/// How long something took over several runs.
struct Slowness {
  std::string file;
  std::string name;  ///< Empty: the whole file.
  double median_seconds = 0;
  double most_seconds = 0;
  std::size_t runs = 0;
};
/// The slowest cases, or files, of the newest `runs` runs, by the median; at most `limit`. What was
/// killed, crashed or never ran has no time, and a file of which a part ran none as a file.
[[nodiscard]] Result<std::vector<Slowness>> slowest(Store& store, std::size_t runs, bool are_files,
                                                    std::size_t limit);

/// A case, as for CaseChange, that does not always come to the same.
struct Flakiness {
  std::string file;
  std::string name;
  std::size_t flaky = 0;    ///< Runs in which it failed first and passed when it was tried again,
                            ///< or that ran it several times, and it came to both.
  std::size_t changes = 0;  ///< How often it passed in one run and failed in the next it was in, or
                            ///< the other way round: a change of the code may explain that.
  std::size_t runs = 0;     ///< Runs that it was in.
};
/// Of the newest `runs` runs: cases that were flaky in one, or that changed more than once; the
/// worst first.
[[nodiscard]] Result<std::vector<Flakiness>> flaky_cases(Store& store, std::size_t runs);

}  // namespace gorgon::history
