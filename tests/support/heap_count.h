#pragma once

#include <cstdint>

// Counts every use of operator new and delete in the executable that heap_count.cc is linked into.
namespace test_support {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SENSO_TURN_HEAP_OF_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SENSO_TURN_HEAP_OF_SANITIZER 1
#endif

// Sanitizers bring a heap of their own, which is not counted: skip then.
#ifdef SENSO_TURN_HEAP_OF_SANITIZER
inline constexpr bool kHeapIsCounted = false;
#else
inline constexpr bool kHeapIsCounted = true;
#endif

struct HeapUse {
  std::int64_t allocations = 0;
  std::int64_t frees = 0;
};
HeapUse HeapUseOfThisThread();
HeapUse HeapUseOfAllThreads();

}  // namespace test_support
