#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "protocol/base/check.h"

namespace relay {

// The elements of an array map with BPF_F_MMAPABLE, as memory. Unmapped with the object; the map
// may be closed before.
template <typename T>
class SharedArray {
 public:
  static_assert(sizeof(T) % 8 == 0, "the kernel rounds elements up to words");

  SharedArray() = default;
  SharedArray(SharedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(other.count_) {}
  SharedArray& operator=(SharedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~SharedArray() {
    if (data_ != nullptr) ::munmap(data_, count_ * sizeof(T));
  }

  // Once. False: the system says no (errno).
  bool Map(int descriptor, std::uint32_t count) {
    void* const memory =
        ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) return false;
    data_ = static_cast<T*>(memory);
    count_ = count;
    return true;
  }

  T& operator[](std::uint32_t index) const {
    CHECK(index < count_);
    return data_[index];
  }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace relay
