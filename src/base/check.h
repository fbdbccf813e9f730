// GORGON_CHECK: an invariant of ours. It aborts in every build. Never for input: bytes from disk,
// wire or child are data.
#pragma once

#include <cstdio>
#include <cstdlib>

#define GORGON_CHECK(condition)                                                              \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
