#include "base/digest.h"

#include <gtest/gtest.h>

#include <utility>

namespace gorgon {
namespace {

TEST(DigestTest, IsThatOfTheStandard) {
  Digest digest;
  digest.add("abc");
  // As `printf abc | b2sum -l 256` says.
  EXPECT_EQ(digest.finish(),
            "blake2b:bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(DigestTest, DoesNotDependOnHowTheBytesCome) {
  Digest parts;
  parts.add("a");
  Digest moved = std::move(parts);
  moved.add("");
  moved.add("bc");
  Digest whole;
  whole.add("abc");
  EXPECT_EQ(moved.finish(), whole.finish());
}

TEST(DigestTest, Sha256IsThatOfTheStandard) {
  // As `printf abc | openssl dgst -sha256 -binary | base64` says.
  EXPECT_EQ(sha256_base64("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

}  // namespace
}  // namespace gorgon
