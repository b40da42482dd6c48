#pragma once

#include <cstdint>

#include "protocol/base/result.h"

// What this process asks of the machine it runs on.
namespace loadgen {

// Raises the soft limit of open files to the hard one. An error names the limit when `needed` do
// not fit.
base::Result<void> EnsureDescriptors(std::uint64_t needed);

// Keeps this thread on one processor.
base::Result<void> PinToCpu(int cpu);

// Lets timers be exact instead of 50 us late.
void ReduceTimerSlack();

// User and system time that this process has used so far.
double CpuSeconds();

}  // namespace loadgen
