#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "server/doctor/finding.h"

namespace relay {

// What others say of the time.
struct ClockFacts {
  bool is_synchronised = false;  // the kernel believes that something keeps its clock right
  struct Reading {
    std::string source;
    std::chrono::seconds ahead;  // of our clock, by which that of the source is
  };
  std::vector<Reading> readings;
};

// Whether the kernel's clock is kept right (adjtimex, STA_UNSYNC).
bool IsClockSynchronised();

// Area "clock": credentials end by it. Pure.
Findings CheckClock(const ClockFacts& facts);

}  // namespace relay
