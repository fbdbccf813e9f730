#include "base/base64.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace gorgon {
namespace {

TEST(Base64Test, AllBytesComeBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    bytes.push_back(static_cast<char>(i));
  }
  EXPECT_EQ(to_base64("ab"), "YWI=");
}

TEST(Base64Test, OtherTextIsRefused) {
  EXPECT_EQ(from_base64("YWI"), std::nullopt);
  EXPECT_EQ(from_base64("YW I="), std::nullopt);
  EXPECT_EQ(from_base64("YWI=YWI="), std::nullopt);
}

}  // namespace
}  // namespace gorgon
