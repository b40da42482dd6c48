#pragma once

#include <chrono>

// Time is an argument: the rules never read a clock. One Now is read per batch of packets.
namespace base {

// CLOCK_MONOTONIC; every deadline is of this type, so a jump of the wall clock ends nothing.
using MonotonicTime = std::chrono::steady_clock::time_point;

// UTC; only for what carries a date: expiring user names, certificates, log lines.
using WallTime = std::chrono::system_clock::time_point;

struct Now {
  MonotonicTime monotonic;
  WallTime wall;
};

// Reads both clocks. For event loops, not for rules.
inline Now ReadClocks() {
  return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
}

}  // namespace base
