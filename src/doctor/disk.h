// How little space on a disk is too little.
#pragma once

#include <cstdint>
#include <string>

#include "doctor/finding.h"

namespace gorgon::doctor {

/// "12.5 GB": of 10^9 bytes.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// Less than 1 GB free is worth a note, less than 100 MB a problem: a tree, its stage and the
/// output of tests take as much soon. `place` is what lies there.
[[nodiscard]] Finding judge_disk(Area area, const std::string& subject, const std::string& place,
                                 std::uint64_t free_bytes);

}  // namespace gorgon::doctor
