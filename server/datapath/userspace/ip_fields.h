#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/base/bytes.h"
#include "server/datapath/userspace/socket_address.h"

namespace relay {

// What of an IP header travels along with application data, in both versions of IP and between them
// (RFC 8656 sections 13 and 14).
struct IpFields {
  std::uint8_t traffic_class = 0;  // DSCP and ECN: Traffic Class, or TOS
  std::uint8_t hop_limit = 0;      // or TTL. 0: not known; on its way out, the system's default
  friend constexpr bool operator==(const IpFields&, const IpFields&) = default;
};

// What goes out for what came in: one hop further. nullopt: it ends here, as everything that
// circles between relays must (section 21.1.7).
constexpr std::optional<IpFields> AfterOneHop(const IpFields& arrived) {
  if (arrived.hop_limit == 0) return arrived;
  if (arrived.hop_limit == 1) return std::nullopt;
  return IpFields{arrived.traffic_class, static_cast<std::uint8_t>(arrived.hop_limit - 1)};
}

// Whether hops are counted from end to end, or anew from the relay on, which costs less
// (docs/adr/0010).
enum class HopLimits : std::uint8_t { kDecrement, kSystem };

// Has the system tell the fields of what arrives at a UDP socket: of IPv4, and on an AF_INET6
// socket of both, since it may be dual-stack. With HopLimits::kSystem that of hops is not among
// them. False: it will not tell.
bool EnableIpFields(int socket, int family, HopLimits hop_limits);

// Makes a hop limit that of all that a socket sends; 0: the system's. False: it was not taken.
bool SetHopLimit(int socket, int family, std::uint8_t hop_limit);

// Takes a field from a control message of a datagram that arrived. False: it is about something
// else.
bool ReadIpField(cmsghdr& control, IpFields& fields);

// What WriteIpFields writes at most.
inline constexpr std::size_t kIpFieldsControlBytes = 2 * CMSG_SPACE(sizeof(int));

// Writes the control messages that send to `destination` with these fields; returns how many octets
// they are. None for what the system does anyway.
std::size_t WriteIpFields(base::MutableBytes out, const IpFields& fields,
                          const SocketAddress& destination);

}  // namespace relay
