// The main of fault tests: where the system allows no network namespaces, ctest shows the test as
// skipped.
#include <gtest/gtest.h>

#include <cstdio>

#include "support/network.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  ::testing::InitGoogleTest(&argc, argv);
  if (const auto network = gorgon::test::NetworkNamespace::make(); !network) {
    std::fprintf(stderr, "skipped: %s (root may, or `unshare --user --map-root-user --net`)\n",
                 network.error().message.c_str());
    return kSkipped;
  }
  return RUN_ALL_TESTS();
}
