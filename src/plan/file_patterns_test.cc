#include "plan/file_patterns.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gorgon::plan {
namespace {

bool match(const std::vector<std::string>& globs, const std::string& path) {
  const auto patterns = FilePatterns::parse(globs);
  EXPECT_TRUE(patterns);
  return patterns && patterns->match(path);
}

TEST(FilePatternsTest, GlobsFoldersAndNames) {
  EXPECT_TRUE(match({"spec/**/*_spec.rb"}, "spec/a/b_spec.rb"));
  EXPECT_TRUE(match({"spec/system"}, "spec/system/a/b_spec.rb"));
  EXPECT_TRUE(match({"./spec/system/"}, "spec/system/b_spec.rb"));
  EXPECT_TRUE(match({"spec/{a,b}_spec.rb"}, "spec/b_spec.rb"));
  EXPECT_FALSE(match({"spec/system"}, "spec/systems/b_spec.rb"));
  EXPECT_FALSE(match({}, "spec/b_spec.rb"));
}

TEST(FilePatternsTest, ExclamationMarkTakesAway) {
  EXPECT_FALSE(match({"spec", "!spec/slow"}, "spec/slow/a_spec.rb"));
  EXPECT_TRUE(match({"spec", "!spec/slow"}, "spec/fast/a_spec.rb"));
}

}  // namespace
}  // namespace gorgon::plan
