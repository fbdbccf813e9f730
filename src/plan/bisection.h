// Which of the things that ran before a case make it fail: the smallest set that does. Decides what
// to try; whoever has slots tries it, many candidates at once.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

namespace gorgon::plan {

/// What came of one candidate.
enum class Outcome {
  kFails,
  kPasses,
  kUnclear,  ///< The case was not reached. As far as the search goes, the candidate does not fail.
};

/// Some of the things, as places in the whole sequence: ascending, for they run in its order.
using Subset = std::vector<std::size_t>;

/// Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
/// 2002), a round of candidates at a time: parts of the smallest set known, then what is left
/// without each part, then smaller parts. Where several parts turn out to be dispensable in one
/// round, all of them are left out at once, if it still fails then.
///
/// With one guilty thing and k candidates a round, about log(count)/log(k) rounds. What it ends
/// with was seen to fail, and passed (or was unclear) without any single one of its things; it ends
/// whatever the outcomes are, also when they contradict each other, as those of flaky cases do.
class Bisection {
 public:
  /// Of `count` things which make the case fail together; without any it passes.
  explicit Bisection(std::size_t count);

  /// At most `most` candidates (at least one may be tried) that nothing is known of yet. Empty: the
  /// search is over.
  [[nodiscard]] std::vector<Subset> next(std::size_t most);
  /// What came of one of them. One that is never told is proposed again.
  void take(const Subset& candidate, Outcome outcome);
  /// The smallest set so far that was seen to fail; at first all of them.
  [[nodiscard]] const Subset& smallest() const { return smallest_; }

 private:
  [[nodiscard]] bool fails(const Subset& candidate) const;
  [[nodiscard]] bool is_known(const Subset& candidate) const { return known_.contains(candidate); }
  [[nodiscard]] bool adopt_part(const std::vector<Subset>& parts);
  [[nodiscard]] std::optional<std::vector<Subset>> leave_out_several(
      const std::vector<Subset>& parts, std::size_t most);
  [[nodiscard]] std::vector<Subset> untried(const std::vector<Subset>& parts,
                                            std::size_t most) const;

  Subset smallest_;
  std::size_t parts_ = 2;  ///< Into how many parts it is split, at least.
  std::map<Subset, Outcome> known_;
};

}  // namespace gorgon::plan
