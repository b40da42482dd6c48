#include "server/net/allocation_log.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "server/log/log.h"
#include "server/metrics/metric_labels.h"

namespace relay {
namespace {

constexpr std::chrono::nanoseconds kOfOneLine =
    std::chrono::nanoseconds(std::chrono::seconds(1)) / AllocationLog::kPerSecond;

// Whole milliseconds as seconds: nobody wants more of a log.
double Seconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(
             std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) /
         1000;
}

}  // namespace

bool AllocationLog::Admit(base::MonotonicTime now) {
  const base::MonotonicTime after = std::max(empty_at_, now) + kOfOneLine;
  if (after > now + kBurst * kOfOneLine) return false;
  empty_at_ = after;
  return true;
}

void AllocationLog::OnClosed(const turn::AllocationClosed& event, const RelayTraffic& total,
                             base::MonotonicTime now) {
  if (!IsLogged(LogLevel::kInfo)) return;
  if (!Admit(now)) {
    ++left_out_;
    return;
  }
  const Traffic& to_peers = total[LabelIndex(Direction::kClientToPeer)];
  const Traffic& to_client = total[LabelIndex(Direction::kPeerToClient)];
  const base::FiveTuple& five_tuple = event.client.five_tuple;
  const std::string client = five_tuple.client.ToString();
  const std::string relayed = event.relayed.ToString();
  Log(LogLevel::kInfo, "an allocation has ended",
      {{"id", event.allocation_id},
       {"user", event.username},
       {"tenant", event.tenant},
       {"reason", turn::ToString(event.reason)},
       {"transport", kTransportLabels[LabelIndex(five_tuple.transport)]},
       {"client", client},
       {"relayed", relayed},
       {"duration_seconds", Seconds(event.age)},
       {"packets_to_peers", to_peers.packets},
       {"bytes_to_peers", to_peers.bytes},
       {"packets_to_client", to_client.packets},
       {"bytes_to_client", to_client.bytes}});
}

void AllocationLog::Advance(base::MonotonicTime now) {
  if (left_out_ != 0 && Admit(now)) Finish();
}

void AllocationLog::Finish() {
  if (left_out_ == 0) return;
  Log(LogLevel::kInfo, "more allocations have ended than there are lines for",
      {{"left_out", std::exchange(left_out_, 0)}});
}

}  // namespace relay
