#pragma once

#include <cstdio>
#include <cstdlib>

// CHECK states what only a bug of ours can break. It stays in release builds and aborts. Bytes from
// the network never reach a CHECK.
#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
