#include "base/secret.h"

#include <gtest/gtest.h>

#include <string>

namespace gorgon {
namespace {

TEST(SecretTest, IsAnotherEachTimeAndFitForAUrl) {
  const std::string secret = random_secret();
  EXPECT_EQ(secret.size(), 43U);
  EXPECT_EQ(secret.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789_-"),
            std::string::npos);
  EXPECT_NE(secret, random_secret());
}

TEST(SecretTest, KnowsItselfAlone) {
  const std::string secret = random_secret();
  EXPECT_TRUE(is_secret(secret, std::string(secret)));
  EXPECT_FALSE(is_secret(secret, ""));
  EXPECT_FALSE(is_secret(secret, secret.substr(1)));
  EXPECT_FALSE(is_secret(secret, secret + "A"));
  std::string other = secret;
  other.back() = other.back() == 'A' ? 'B' : 'A';
  EXPECT_FALSE(is_secret(secret, other));
}

}  // namespace
}  // namespace gorgon
