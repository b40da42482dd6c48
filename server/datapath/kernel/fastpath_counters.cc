#include "server/datapath/kernel/fastpath_counters.h"

#include <array>
#include <utility>

#include "protocol/turn/event.h"
#include "server/metrics/metric_labels.h"

namespace relay {
namespace {

constexpr auto kPasses = std::to_array<std::pair<fastpath_outcome, KernelPass>>(
    {{FASTPATH_PASS_MISS, KernelPass::kMiss},
     {FASTPATH_PASS_EXPIRED, KernelPass::kExpired},
     {FASTPATH_PASS_IP_OPTIONS, KernelPass::kIpOptions},
     {FASTPATH_PASS_FRAGMENT, KernelPass::kFragment},
     {FASTPATH_PASS_NO_NEXT_HOP, KernelPass::kNoNeighbour},
     {FASTPATH_PASS_OVER_MTU, KernelPass::kOverMtu},
     {FASTPATH_PASS_ZERO_CHECKSUM, KernelPass::kZeroChecksum},
     {FASTPATH_PASS_MALFORMED, KernelPass::kMalformed},
     {FASTPATH_PASS_PADDED, KernelPass::kPadded},
     {FASTPATH_PASS_CONTROL, KernelPass::kControl},
     {FASTPATH_PASS_SEGMENTED, KernelPass::kSegmented},
     {FASTPATH_PASS_VLAN, KernelPass::kVlan},
     {FASTPATH_PASS_HANDOVER, KernelPass::kHandover},
     {FASTPATH_PASS_SYSTEM, KernelPass::kSystem}});
static_assert(kPasses.size() == kKernelPassLabels.size());

constexpr auto kDrops = std::to_array<std::pair<fastpath_outcome, turn::DropReason>>(
    {{FASTPATH_DROP_OVER_LIMIT, turn::DropReason::kOverLimit},
     {FASTPATH_DROP_HOP_LIMIT, turn::DropReason::kHopLimit},
     {FASTPATH_DROP_SYSTEM, turn::DropReason::kSendFailed}});
static_assert(kPasses.size() + kDrops.size() == FASTPATH_OUTCOMES);

void CopyTraffic(const fastpath_traffic& traffic, Direction direction, ShardCounters& counters) {
  const std::size_t path = LabelIndex(RelayPath::kKernel);
  counters.relayed_packets[LabelIndex(direction)][path].Set(traffic.packets);
  counters.relayed_bytes[LabelIndex(direction)][path].Set(traffic.bytes);
}

}  // namespace

void CopyCounters(const fastpath_totals& totals, ShardCounters& counters) {
  CopyTraffic(totals.relayed[FASTPATH_CLIENT_TO_PEER], Direction::kClientToPeer, counters);
  CopyTraffic(totals.relayed[FASTPATH_PEER_TO_CLIENT], Direction::kPeerToClient, counters);
  for (const auto& [outcome, reason] : kPasses)
    counters.kernel_pass[LabelIndex(reason)].Set(totals.outcomes[outcome]);
  for (const auto& [outcome, reason] : kDrops)
    counters.dropped_packets[LabelIndex(reason)].Set(totals.outcomes[outcome]);
}

}  // namespace relay
