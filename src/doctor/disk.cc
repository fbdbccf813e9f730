#include "doctor/disk.h"

#include <fmt/core.h>

#include <cstdint>
#include <string>

#include "doctor/finding.h"

namespace gorgon::doctor {

namespace {

constexpr std::uint64_t kMegabyte = 1'000'000;
constexpr std::uint64_t kGigabyte = 1'000 * kMegabyte;

}  // namespace

std::string size_text(std::uint64_t bytes) {
  if (bytes >= kGigabyte)
    return fmt::format("{:.1f} GB", static_cast<double>(bytes) / static_cast<double>(kGigabyte));
  return fmt::format("{} MB", bytes / kMegabyte);
}

Finding judge_disk(Area area, const std::string& subject, const std::string& place,
                   std::uint64_t free_bytes) {
  const std::string what = fmt::format("{} free for {}", size_text(free_bytes), place);
  if (free_bytes >= kGigabyte) return Finding::ok(area, subject, what);
  const Remedy remedy("make space on that disk: a copy of the tree for each run goes there");
  if (free_bytes >= 100 * kMegabyte) return Finding::note(area, subject, what, remedy);
  return Finding::problem(area, subject, what, remedy);
}

}  // namespace gorgon::doctor
