#include "plan/detection.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/files.h"

namespace gorgon::plan {
namespace {

namespace fs = std::filesystem;

class DetectionTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text = "") {
    ASSERT_TRUE(write_file(project_.path() / path, text));
  }
  [[nodiscard]] std::string runner() const {
    const auto detected = detect_tests(project_.path());
    return detected ? detected->runner : "";
  }
  TempDir project_ = *TempDir::make("gorgon-detection-test-");
};

TEST_F(DetectionTest, AnEmptyProjectShowsNothing) { EXPECT_EQ(runner(), ""); }

TEST_F(DetectionTest, FilesThatNameNodesTestsAreOfNode) {
  write("test/cart.test.js", "import test from 'node:test'\n");
  EXPECT_EQ(runner(), "") << "there is no package.json";
  write("package.json", "{}");
  EXPECT_EQ(runner(), "node");
}

TEST_F(DetectionTest, FilesOfAnotherToolAreNotOfNode) {
  write("package.json", "{}");
  write("test/cart.test.js", "describe('the cart', () => {})\n");
  EXPECT_EQ(runner(), "");
  write("package.json", R"({"devDependencies": {"jest": "1"}})");
  EXPECT_EQ(runner(), "command");
}

TEST_F(DetectionTest, RubyGoesFirst) {
  write("build/CTestTestfile.cmake");
  EXPECT_EQ(runner(), "ctest");
  write("spec/cart_spec.rb");
  EXPECT_EQ(runner(), "");
}

}  // namespace
}  // namespace gorgon::plan
