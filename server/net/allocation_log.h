#pragma once

#include <cstdint>

#include "protocol/base/time.h"
#include "protocol/turn/event.h"
#include "server/datapath/relay_traffic.h"

namespace relay {

// One line of the log for each relayed transport address that ends, with what it has carried. As
// clients decide how many end, there are only so many lines: what is left out is counted, and the
// number is told. One shard's; its thread only.
class AllocationLog {
 public:
  static constexpr std::uint32_t kBurst = 1000;
  static constexpr std::uint32_t kPerSecond = 100;

  void OnClosed(const turn::AllocationClosed& event, const RelayTraffic& total,
                base::MonotonicTime now);
  // Says how many were left out, once there is room again.
  void Advance(base::MonotonicTime now);
  // The same whether or not there is room: these were the last ones.
  void Finish();

 private:
  // Whether one line more may be written.
  bool Admit(base::MonotonicTime now);

  base::MonotonicTime empty_at_{};  // when nothing of the burst is used up any more
  std::uint64_t left_out_ = 0;
};

}  // namespace relay
