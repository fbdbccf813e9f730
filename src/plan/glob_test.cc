#include "plan/glob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace gorgon::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(MatchesComponentTest, WildcardsMeanWhatRubyMeans) {
  const std::vector<std::pair<std::string_view, std::string_view>> matching = {
      {"a", "a"},       {"*", "a"},         {"*", "abc"},
      {"a*c", "abbc"},  {"a*c*e", "abcde"}, {"?", "é"},
      {"???", "a😀c"},  {"[a-c]x", "bx"},   {"[^a-c]", "d"},
      {"[!a-c]", "d"},  {"[é-ü]", "ö"},     {"\\*", "*"},
      {"a\\?", "a?"},   {"[\\]]", "]"},     {"[a-]", "-"},
      {"[]]", "]"},     {"[abc", "[abc"},   {".*", ".x"},
      {"\\.x", ".x"},   {"{", "{"},         {"*_spec.rb", "a_spec.rb"},
      {"*\n*", "a\nb"}, {"?", "\xFF"},      {"*", "\xFF\xC3"},
      {"\xFF", "\xFF"}, {"", ""},           {"a**b", "ab"},
      {"*a", "aaa"},    {"a\\", "a\\"}};
  for (const auto& [pattern, name] : matching) {
    EXPECT_TRUE(matches_component(pattern, name)) << pattern << " " << name;
  }
  const std::vector<std::pair<std::string_view, std::string_view>> different = {
      {"a", "b"},       {"a", "ab"},    {"", "a"},      {"a", ""},        {"?", ""},
      {"*", ".hidden"}, {"?x", ".x"},   {"[.]x", ".x"}, {"[^a-c]", "b"},  {"a*c", "abcd"},
      {"\\*", "a"},     {"[a-c]", "B"}, {"?", "ab"},    {"*.rb", "a.rbx"}};
  for (const auto& [pattern, name] : different) {
    EXPECT_FALSE(matches_component(pattern, name)) << pattern << " " << name;
  }
}

TEST(MatchesComponentTest, HostilePatternTakesNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(matches_component(pattern + "b", std::string(2000, 'a')));
}

TEST(MatchesPathTest, RecursivePartIsAnyNumberOfVisibleFolders) {
  EXPECT_TRUE(matches_path("**/*_spec.rb", "a_spec.rb"));
  EXPECT_TRUE(matches_path("spec/**/*_spec.rb", "spec/a/b/c_spec.rb"));
  EXPECT_TRUE(matches_path("spec/**/b/**/c", "spec/a/b/x/y/c"));
  EXPECT_TRUE(matches_path("**/b/**/b/c", "b/b/b/c"));
  EXPECT_TRUE(matches_path("./spec//a", "spec/a"));
  EXPECT_TRUE(matches_path("spec/**", "spec/a"));
  EXPECT_FALSE(matches_path("spec/**", "spec/a/b"));
  EXPECT_FALSE(matches_path("spec/**/*_spec.rb", "spec/.git/c_spec.rb"));
  EXPECT_FALSE(matches_path("spec/*", "spec/a/b"));
  EXPECT_FALSE(matches_path("*/a", "a"));
  EXPECT_FALSE(matches_path("spec/**/a", "spec"));
}

std::vector<std::string> expand(std::string_view pattern) {
  auto expanded = expand_braces(pattern);
  EXPECT_TRUE(expanded);
  return expanded.value_or(std::vector<std::string>{});
}

TEST(ExpandBracesTest, AlternativesComeInOrder) {
  EXPECT_THAT(expand("a{b,c{d,e}}f"), ElementsAre("abf", "acdf", "acef"));
  EXPECT_THAT(expand("{a,b}/{c,d}"), ElementsAre("a/c", "a/d", "b/c", "b/d"));
  EXPECT_THAT(expand("{a,}b"), ElementsAre("ab", "b"));
  EXPECT_THAT(expand("{}"), ElementsAre(""));
  EXPECT_THAT(expand("a{b"), ElementsAre("a{b"));
  EXPECT_THAT(expand("a}b{c,d}"), ElementsAre("a}bc", "a}bd"));
  EXPECT_THAT(expand("{{a,b}"), ElementsAre("{a", "{b"));
  EXPECT_THAT(expand("\\{a,b}"), ElementsAre("\\{a,b}"));
}

TEST(ExpandBracesTest, ExplosionsAreRefused) {
  std::string pattern;
  for (int i = 0; i < 40; ++i) pattern += "{a,b}";
  EXPECT_THAT(expand_braces(pattern).error().message, HasSubstr("more than 4096"));
  EXPECT_THAT(expand_braces(std::string(100'000, '{')).error().message, HasSubstr("256 braces"));
}

class FindFilesTest : public ::testing::Test {
 protected:
  void touch(const std::string& path) { ASSERT_TRUE(write_file(root_.path() / path, "")); }
  [[nodiscard]] std::vector<std::string> find(std::string_view pattern) const {
    return find_files(root_.path(), pattern);
  }
  TempDir root_ = *TempDir::make("gorgon-glob-test-");
};

TEST_F(FindFilesTest, FilesAreFoundSortedAndOnce) {
  for (const char* path : {"spec/b_spec.rb", "spec/a/x_spec.rb", "spec/a/x.rb", "spec/a-spec.rb",
                           "spec/.hidden/h_spec.rb", "spec/.h_spec.rb", "lib/c_spec.rb"}) {
    touch(path);
  }
  fs::create_directories(root_.path() / "spec/folder_spec.rb");
  EXPECT_THAT(find("spec/**/*_spec.rb"), ElementsAre("spec/a/x_spec.rb", "spec/b_spec.rb"));
  EXPECT_THAT(find("**/**/*_spec.rb"),
              ElementsAre("lib/c_spec.rb", "spec/a/x_spec.rb", "spec/b_spec.rb"));
  EXPECT_THAT(find("spec/.*/*"), ElementsAre("spec/.hidden/h_spec.rb"));
  EXPECT_THAT(find("./spec/a/../b_spec.rb"), ElementsAre("spec/a/../b_spec.rb"));
  EXPECT_THAT(find("spec/a/x.rb"), ElementsAre("spec/a/x.rb"));
  EXPECT_THAT(find("spec/b_spec.rb/*"), IsEmpty());
  EXPECT_THAT(find("nowhere/**/*"), IsEmpty());
  EXPECT_THAT(find(""), IsEmpty());
}

TEST_F(FindFilesTest, StrangeNamesAreNames) {
  for (const char* path : {"s/a b_spec.rb", "s/new\nline_spec.rb", "s/größe_spec.rb",
                           "s/[x]_spec.rb", "s/*_spec.rb"}) {
    touch(path);
  }
  EXPECT_THAT(find("s/*_spec.rb"), ::testing::SizeIs(5));
  EXPECT_THAT(find("s/gr??e_spec.rb"), ElementsAre("s/größe_spec.rb"));
  EXPECT_THAT(find("s/\\[x\\]_spec.rb"), ElementsAre("s/[x]_spec.rb"));
  EXPECT_THAT(find("s/\\*_spec.rb"), ElementsAre("s/*_spec.rb"));
}

TEST_F(FindFilesTest, LoopsOfLinksAreNoTrap) {
  touch("spec/a/x_spec.rb");
  fs::create_directory_symlink("..", root_.path() / "spec/a/loop");
  fs::create_symlink("self", root_.path() / "spec/self");
  fs::create_symlink("a/x_spec.rb", root_.path() / "spec/link_spec.rb");
  fs::create_symlink("gone", root_.path() / "spec/dangling_spec.rb");
  // As Ruby's Dir.glob: a link that leads nowhere is a file, which will not load.
  EXPECT_THAT(find("spec/**/*_spec.rb"),
              ElementsAre("spec/a/x_spec.rb", "spec/dangling_spec.rb", "spec/link_spec.rb"));
  EXPECT_THAT(find("spec/a/*/a/x_spec.rb"), ElementsAre("spec/a/loop/a/x_spec.rb"));
}

}  // namespace
}  // namespace gorgon::plan
