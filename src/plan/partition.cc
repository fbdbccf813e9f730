#include "plan/partition.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/digest.h"
#include "base/result.h"
#include "base/text.h"
#include "plan/test_files.h"

namespace gorgon::plan {

namespace {

/// The first 64 bits of the path's digest: even, and the same everywhere.
std::uint64_t hash_of(const std::string& path) {
  Digest digest;
  digest.add(path);
  const std::string text = digest.finish();
  const char* const digits = text.data() + text.find(':') + 1;
  std::uint64_t value = 0;
  GORGON_CHECK(std::from_chars(digits, digits + 16, value, 16).ec == std::errc());
  return value;
}

/// The paths of a slice.
std::unordered_set<std::string> paths_of_slice(const std::vector<TestFile>& files,
                                               const Partition& partition) {
  std::vector<std::string> paths;
  paths.reserve(files.size());
  for (const TestFile& file : files) paths.push_back(file.path);
  std::ranges::sort(paths);
  std::unordered_set<std::string> taken;
  for (std::size_t i = partition.index - 1; i < paths.size(); i += partition.count)
    taken.insert(std::move(paths[i]));
  return taken;
}

}  // namespace

Result<Partition> parse_partition(std::string_view text) {
  const auto wrong = [&] {
    return fail(ErrorKind::kUsage,
                fmt::format("must be slice:M/N or hash:M/N, with M from 1 to N, not \"{}\"", text));
  };
  const std::size_t colon = text.find(':');
  const std::size_t slash = text.find('/');
  if (colon == std::string_view::npos || slash == std::string_view::npos || slash < colon)
    return wrong();
  Partition partition;
  const std::string_view kind = text.substr(0, colon);
  if (kind != "slice" && kind != "hash") return wrong();
  partition.kind = kind == "slice" ? Partition::Kind::kSlice : Partition::Kind::kHash;
  const auto index = number_of<std::uint32_t>(text.substr(colon + 1, slash - colon - 1));
  const auto count = number_of<std::uint32_t>(text.substr(slash + 1));
  if (!index || !count || *index < 1 || *index > *count) return wrong();
  partition.index = *index;
  partition.count = *count;
  return partition;
}

std::string text_of(const Partition& partition) {
  return fmt::format("{}:{}/{}", partition.kind == Partition::Kind::kSlice ? "slice" : "hash",
                     partition.index, partition.count);
}

std::vector<TestFile> take_partition(std::vector<TestFile> files, const Partition& partition) {
  if (partition.kind == Partition::Kind::kHash) {
    std::erase_if(files, [&](const TestFile& file) {
      return hash_of(file.path) % partition.count != partition.index - 1;
    });
    return files;
  }
  const auto taken = paths_of_slice(files, partition);
  std::erase_if(files, [&](const TestFile& file) { return !taken.contains(file.path); });
  return files;
}

}  // namespace gorgon::plan
