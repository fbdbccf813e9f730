#include "base/paths.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace gorgon {
namespace {

TEST(PathsTest, APathBelowAFolderCannotLeaveIt) {
  for (const std::string_view path :
       {"a_spec.rb", "spec/a_spec.rb", "./a", "a..b/c", "..a", "a/"}) {
    EXPECT_TRUE(is_path_below(path)) << path;
  }
  for (const std::string_view path : {"", "/", "/etc/passwd", "..", "../a", "a/../../b", "a/.."}) {
    EXPECT_FALSE(is_path_below(path)) << path;
  }
  EXPECT_FALSE(is_path_below(std::string("a\0/../b", 7)));
}

}  // namespace
}  // namespace gorgon
