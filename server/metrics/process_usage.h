#pragma once

#include <cstdint>

namespace relay {

// What the system says this process uses, in the units of the standard process_* metrics.
struct ProcessUsage {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double virtual_bytes = 0;
  double open_fds = 0;
  double max_fds = 0;
  double start_time_seconds = 0;  // since the epoch
};

// Reads /proc/self. What cannot be read stays 0. Any thread; costs a few system calls, before
// Linux 6.2 one more for every few hundred open descriptors.
ProcessUsage ReadProcessUsage();

}  // namespace relay
