#include "bench/loadgen/machine.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "protocol/base/check.h"

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

base::Result<NetworkNamespace> NetworkNamespace::Enter(const std::string& file) {
  if (file.empty()) return NetworkNamespace(FileDescriptor());
  FileDescriptor home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  const FileDescriptor there(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!home.is_open() || !there.is_open() || ::setns(there.get(), CLONE_NEWNET) != 0) {
    return base::Error{"cannot enter the network namespace " + file + ": " + std::strerror(errno)};
  }
  return NetworkNamespace(std::move(home));
}

NetworkNamespace::~NetworkNamespace() {
  if (home_.is_open()) CHECK(::setns(home_.get(), CLONE_NEWNET) == 0);
}

void ReduceTimerSlack() { static_cast<void>(::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL)); }

double ThreadSeconds(const std::vector<int>& processes) {
  double nanoseconds = 0;
  for (const int process : processes) {
    std::error_code error;
    const std::string folder = "/proc/" + std::to_string(process) + "/task";
    for (std::filesystem::directory_iterator thread(folder, error), end; !error && thread != end;
         thread.increment(error)) {
      std::ifstream file(thread->path() / "schedstat");
      double on_processor = 0;
      if (file >> on_processor) nanoseconds += on_processor;
    }
  }
  return nanoseconds / 1e9;
}

double CpuSeconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace loadgen
