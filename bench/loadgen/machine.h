#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bench/loadgen/socket.h"
#include "protocol/base/result.h"

// What this process asks of the machine it runs on.
namespace loadgen {

// Raises the soft limit of open files to the hard one. An error names the limit when `needed` do
// not fit.
base::Result<void> EnsureDescriptors(std::uint64_t needed);

// Keeps this thread on one processor.
base::Result<void> PinToCpu(int cpu);

// This thread is in the network namespace of a file (/run/netns/x) for as long as this object
// lives; sockets that are opened meanwhile stay there. An empty name changes nothing.
class NetworkNamespace {
 public:
  static base::Result<NetworkNamespace> Enter(const std::string& file);
  NetworkNamespace(NetworkNamespace&& other) noexcept = default;
  NetworkNamespace& operator=(NetworkNamespace&&) = delete;
  ~NetworkNamespace();

 private:
  explicit NetworkNamespace(FileDescriptor home) : home_(std::move(home)) {}

  FileDescriptor home_;
};

// Lets timers be exact instead of 50 us late.
void ReduceTimerSlack();

// Time on a processor of all threads that these processes have now, in seconds, of nanosecond
// precision. What has ended counts as zero.
double ThreadSeconds(const std::vector<int>& processes);

// User and system time that this process has used so far.
double CpuSeconds();

}  // namespace loadgen
