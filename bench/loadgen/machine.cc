#include "bench/loadgen/machine.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace loadgen {

base::Result<void> EnsureDescriptors(std::uint64_t needed) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return base::Error{std::string("cannot read the limit of open files: ") + std::strerror(errno)};
  }
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
    static_cast<void>(::getrlimit(RLIMIT_NOFILE, &limit));
  }
  if (limit.rlim_cur >= needed) return {};
  return base::Error{"this needs " + std::to_string(needed) +
                     " open files (one socket an allocation), the limit is " +
                     std::to_string(limit.rlim_cur) +
                     ": ask for fewer allocations, start a second process for the rest, or raise "
                     "the hard limit (ulimit -Hn, LimitNOFILE=)"};
}

base::Result<void> PinToCpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (::sched_setaffinity(0, sizeof(set), &set) != 0) {
    return base::Error{"cannot stay on CPU " + std::to_string(cpu) + ": " + std::strerror(errno)};
  }
  return {};
}

void ReduceTimerSlack() { static_cast<void>(::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL)); }

double CpuSeconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace loadgen
