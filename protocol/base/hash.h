#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace base {

// A hash over 64-bit words for tables inside this process. Its secret is drawn once per process, so
// that nobody outside can choose addresses and ports that collide; two runs give different values,
// which must therefore never be stored or sent. Every bit of the result depends on every word, so
// any part of it may pick a bucket. Thread-safe.
std::size_t HashWords(std::initializer_list<std::uint64_t> words) noexcept;

}  // namespace base
