#include "server/doctor/host_checks.h"

#include <linux/capability.h>

#include <algorithm>
#include <string>

#include "server/app/ephemeral_ports.h"
#include "server/net/descriptor_reserve.h"
#include "server/net/listener_socket.h"

namespace relay {
namespace {

constexpr std::uint64_t kNearlyFullPercent = 90;
constexpr std::uint64_t kFillingPercent = 70;

std::string RangeText(std::uint16_t min, std::uint16_t max) {
  return std::to_string(min) + "-" + std::to_string(max);
}

std::string NotrackAdvice(const Config& config) {
  return "keep relayed packets out of it: in a raw table (nft: type filter hook prerouting "
         "priority raw, and output likewise) `udp dport " +
         RangeText(config.relay.min_port, config.relay.max_port) +
         " notrack`, the same with sport, and for the UDP ports of the listeners";
}

}  // namespace

std::uint64_t MostRelays(const Config& config, std::size_t relay_addresses) {
  const std::uint64_t ports = std::uint64_t{config.relay.max_port} - config.relay.min_port + 1;
  const std::uint64_t sockets = ports * relay_addresses;
  if (config.limits.allocations == 0) return sockets;
  return std::min<std::uint64_t>(sockets, config.limits.allocations);
}

Finding CheckOpenFiles(const HostFacts& facts, std::uint64_t most_relays) {
  if (facts.open_files == UINT64_MAX) return Fine("files", "open files have no limit");
  const std::uint64_t for_relays =
      facts.open_files - std::min<std::uint64_t>(kReservedFromRelays, facts.open_files / 4);
  const std::string limit = "the limit of open files is " + std::to_string(facts.open_files);
  if (for_relays >= most_relays)
    return Fine("files", limit + ", enough for " + std::to_string(most_relays) + " relays");
  return Problem("files",
                 limit + ", enough for about " + std::to_string(for_relays) + " relays of " +
                     std::to_string(most_relays),
                 "raise it to " + std::to_string(most_relays + 4 * kReservedFromRelays) +
                     " (LimitNOFILE= of the unit, ulimit -Hn, --ulimit of the container), or "
                     "lower limits.allocations");
}

Finding CheckEphemeralPorts(const HostFacts& facts, const Config& config) {
  const std::string range = RangeText(config.relay.min_port, config.relay.max_port);
  const auto overlap = FindUnreservedOverlap({config.relay.min_port, config.relay.max_port},
                                             facts.local_port_range, facts.local_reserved_ports);
  if (!overlap) return Fine("ports", "the relay ports " + range + " are given to no other program");
  return Warning(
      "ports",
      "the system may give the relay ports " + RangeText(overlap->min, overlap->max) +
          " to other programs (net.ipv4.ip_local_port_range)",
      "sysctl -w net.ipv4.ip_local_reserved_ports=" + range + " and the same in /etc/sysctl.d");
}

Finding CheckConntrack(const HostFacts& facts, const Config& config) {
  if (!facts.conntrack_count || !facts.conntrack_max || *facts.conntrack_max == 0)
    return Fine("conntrack", "connections are not tracked here");
  const std::uint64_t percent = *facts.conntrack_count * 100 / *facts.conntrack_max;
  const std::string what = "the connection tracking table holds " +
                           std::to_string(*facts.conntrack_count) + " of " +
                           std::to_string(*facts.conntrack_max) + " entries";
  const std::string advice = NotrackAdvice(config);
  if (percent >= kNearlyFullPercent) {
    return Problem("conntrack", what + ": when it is full, new packets are dropped",
                   "raise net.netfilter.nf_conntrack_max, and " + advice);
  }
  if (percent >= kFillingPercent) return Warning("conntrack", what, advice);
  return Fine("conntrack", what, advice);
}

Finding CheckSocketBuffers(const HostFacts& facts) {
  if (!facts.receive_buffer_max_bytes)
    return Fine("buffers", "the system does not say how large socket buffers may be");
  const std::uint64_t given = *facts.receive_buffer_max_bytes;
  const std::uint64_t send = facts.send_buffer_max_bytes.value_or(kListenerSendBytes);
  const bool is_enough = given >= kListenerReceiveBytes && send >= kListenerSendBytes;
  const std::string asked = std::to_string(kListenerReceiveBytes);
  if (is_enough) return Fine("buffers", "listeners get the " + asked + " octets that they ask for");
  const std::string what = "net.core.rmem_max is " + std::to_string(given) +
                           " and net.core.wmem_max " + std::to_string(send) +
                           ", listeners ask for " + asked + " and " +
                           std::to_string(kListenerSendBytes);
  if (((facts.capabilities >> CAP_NET_ADMIN) & 1) != 0)
    return Fine("buffers", what + ", and get them by CAP_NET_ADMIN");
  return Warning("buffers", what + ": bursts are lost",
                 "sysctl -w net.core.rmem_max=" + asked +
                     " net.core.wmem_max=" + std::to_string(kListenerSendBytes) +
                     " and the same in /etc/sysctl.d, or grant CAP_NET_ADMIN");
}

}  // namespace relay
