#include "plan/partition.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "plan/test_files.h"

namespace gorgon::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = Partition::Kind;

std::vector<TestFile> numbered_files(std::size_t count) {
  std::vector<TestFile> files;
  files.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    files.push_back({.path = fmt::format("spec/{:03}_spec.rb", i)});
  return files;
}

std::vector<std::string> taken(const std::vector<TestFile>& files, const Partition& partition) {
  std::vector<std::string> paths;
  for (const TestFile& file : take_partition(files, partition)) paths.push_back(file.path);
  return paths;
}

/// Which partition of `count` each path is in.
std::map<std::string, std::uint32_t> places(const std::vector<TestFile>& files, Kind kind,
                                            std::uint32_t count) {
  std::map<std::string, std::uint32_t> places;
  for (std::uint32_t index = 1; index <= count; ++index) {
    for (const std::string& path : taken(files, {.kind = kind, .index = index, .count = count})) {
      EXPECT_TRUE(places.emplace(path, index).second) << path << " is in two partitions";
    }
  }
  return places;
}

TEST(PartitionTest, TextSaysKindAndPlace) {
  EXPECT_EQ(parse_partition("slice:1/3"),
            (Partition{.kind = Kind::kSlice, .index = 1, .count = 3}));
  EXPECT_EQ(parse_partition("hash:12/12"),
            (Partition{.kind = Kind::kHash, .index = 12, .count = 12}));
  for (const char* text : {"slice:1/3", "hash:12/12"})
    EXPECT_EQ(text_of(parse_partition(text).value()), text);
}

TEST(PartitionTest, OtherTextIsRefused) {
  for (const char* text :
       {"", "slice", "slice:", "slice:1", "slice:1/", "slice:/3", "slice:0/3", "slice:4/3",
        "slice:1/0", "slice:-1/3", "slice:+1/3", "slice:1/3x", "slice: 1/3", "count:1/3", "1/3",
        "1/3:slice", "slice:1/99999999999", "hash:1:2/3", "Hash:1/2"}) {
    const auto partition = parse_partition(text);
    ASSERT_FALSE(partition) << text;
    EXPECT_EQ(partition.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(partition.error().message, testing::HasSubstr(fmt::format("not \"{}\"", text)));
  }
}

TEST(PartitionTest, SlicesGoByPathInWhateverOrderTheFilesCome) {
  const std::vector<TestFile> files = {{"c"}, {"a"}, {"e"}, {"b"}, {"d"}};
  EXPECT_THAT(taken(files, {.index = 1, .count = 2}), ElementsAre("c", "a", "e"));
  EXPECT_THAT(taken(files, {.index = 2, .count = 2}), ElementsAre("b", "d"));
  EXPECT_THAT(taken(files, {.index = 6, .count = 6}), IsEmpty());
  EXPECT_THAT(taken({}, {.index = 1, .count = 6}), IsEmpty());
}

TEST(PartitionTest, EachFileIsInOnePartition) {
  const auto files = numbered_files(100);
  for (const Kind kind : {Kind::kSlice, Kind::kHash}) {
    for (const std::uint32_t count : {1U, 2U, 3U, 7U})
      EXPECT_EQ(places(files, kind, count).size(), files.size()) << count;
  }
}

TEST(PartitionTest, AFileThatComesMovesNoOtherByHash) {
  auto files = numbered_files(100);
  const auto before = places(files, Kind::kHash, 4);
  files.insert(files.begin(), {.path = "spec/000_a_spec.rb"});
  auto after = places(files, Kind::kHash, 4);
  after.erase("spec/000_a_spec.rb");
  EXPECT_EQ(after, before);
}

TEST(PartitionTest, HashesAreSpreadAndNeverChange) {
  std::map<std::uint32_t, std::size_t> sizes;
  const auto where = places(numbered_files(400), Kind::kHash, 4);
  for (const auto& [path, index] : where) ++sizes[index];
  for (const auto& [index, size] : sizes) EXPECT_NEAR(static_cast<double>(size), 100, 30) << index;
  // A job that mixes releases of Gorgon counts on these. `printf spec/000_spec.rb | b2sum -l 256`.
  EXPECT_EQ(where.at("spec/000_spec.rb"), 0x88a0929b85e3b99fULL % 4 + 1);
}

}  // namespace
}  // namespace gorgon::plan
