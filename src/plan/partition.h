// Which of the selected files one of several CI jobs runs, when they share a suite. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "plan/test_files.h"

namespace gorgon::plan {

struct Partition {
  enum class Kind {
    kSlice,  ///< Every `count`-th file in the order of their paths: sizes differ by one at most.
    kHash,   ///< By each path alone, so that a file that comes or goes moves no other.
  };
  Kind kind = Kind::kSlice;
  std::uint32_t index = 1;  ///< 1 … count.
  std::uint32_t count = 1;
  friend bool operator==(const Partition&, const Partition&) = default;
};

/// "slice:1/3" or "hash:2/3", as cargo-nextest writes it. kUsage, with what was expected.
[[nodiscard]] Result<Partition> parse_partition(std::string_view text);
/// As parse_partition() takes it.
[[nodiscard]] std::string text_of(const Partition& partition);

/// The files of this partition, in their given order. Each file is in one of the `count`
/// partitions; the same on every machine, whatever the order of `files`.
[[nodiscard]] std::vector<TestFile> take_partition(std::vector<TestFile> files,
                                                   const Partition& partition);

}  // namespace gorgon::plan
