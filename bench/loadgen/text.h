#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace loadgen {

// "830 ns", "12.3 us", "4.56 ms", "1.20 s".
inline std::string FormatDuration(std::uint64_t nanoseconds) {
  const auto value = static_cast<double>(nanoseconds);
  if (nanoseconds < 1000) return fmt::format("{} ns", nanoseconds);
  if (nanoseconds < 1000 * 1000) return fmt::format("{:.1f} us", value / 1e3);
  if (nanoseconds < 1000 * 1000 * 1000) return fmt::format("{:.2f} ms", value / 1e6);
  return fmt::format("{:.2f} s", value / 1e9);
}

}  // namespace loadgen
