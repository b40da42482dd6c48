#include "tests/support/heap_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace test_support {
namespace {

thread_local HeapUse this_thread;
std::atomic<std::int64_t> allocations{0};
std::atomic<std::int64_t> frees{0};

[[maybe_unused]] void* Allocate(std::size_t size) {
  ++this_thread.allocations;
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

[[maybe_unused]] void Free(void* memory) {
  if (memory != nullptr) {
    ++this_thread.frees;
    frees.fetch_add(1, std::memory_order_relaxed);
  }
  std::free(memory);
}

}  // namespace

HeapUse HeapUseOfThisThread() { return this_thread; }

HeapUse HeapUseOfAllThreads() { return {allocations.load(), frees.load()}; }

}  // namespace test_support

#ifndef SENSO_TURN_HEAP_OF_SANITIZER
void* operator new(std::size_t size) { return test_support::Allocate(size); }
void* operator new[](std::size_t size) { return test_support::Allocate(size); }
void operator delete(void* memory) noexcept { test_support::Free(memory); }
void operator delete[](void* memory) noexcept { test_support::Free(memory); }
void operator delete(void* memory, std::size_t) noexcept { test_support::Free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { test_support::Free(memory); }
#endif
