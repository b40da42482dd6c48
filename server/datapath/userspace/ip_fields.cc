#include "server/datapath/userspace/ip_fields.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "server/datapath/userspace/control_message.h"

namespace relay {
namespace {

bool Enable(int socket, int level, int option) {
  const int on = 1;
  return ::setsockopt(socket, level, option, &on, sizeof(on)) == 0;
}

int ReadInt(cmsghdr& control) {
  int value;
  std::memcpy(&value, CMSG_DATA(&control), sizeof(value));
  return value;
}

// A host never sends 0; if it did, it would be the end of the way as well.
std::uint8_t ToHopLimit(int value) { return static_cast<std::uint8_t>(std::max(value, 1)); }

}  // namespace

bool EnableIpFields(int socket, int family, HopLimits hop_limits) {
  const bool with_hop_limit = hop_limits == HopLimits::kDecrement;
  const bool tells_v4 = Enable(socket, IPPROTO_IP, IP_RECVTOS) &&
                        (!with_hop_limit || Enable(socket, IPPROTO_IP, IP_RECVTTL));
  if (family == AF_INET) return tells_v4;
  return Enable(socket, IPPROTO_IPV6, IPV6_RECVTCLASS) &&
         (!with_hop_limit || Enable(socket, IPPROTO_IPV6, IPV6_RECVHOPLIMIT));
}

bool SetHopLimit(int socket, int family, std::uint8_t hop_limit) {
  const int value = hop_limit == 0 ? -1 : hop_limit;
  return family == AF_INET
             ? ::setsockopt(socket, IPPROTO_IP, IP_TTL, &value, sizeof(value)) == 0
             : ::setsockopt(socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &value, sizeof(value)) == 0;
}

bool ReadIpField(cmsghdr& control, IpFields& fields) {
  if (control.cmsg_level == IPPROTO_IP) {
    switch (control.cmsg_type) {
      case IP_TOS:
        fields.traffic_class = *CMSG_DATA(&control);
        return true;
      case IP_TTL:
        fields.hop_limit = ToHopLimit(ReadInt(control));
        return true;
      default:
        return false;
    }
  }
  if (control.cmsg_level != IPPROTO_IPV6) return false;
  switch (control.cmsg_type) {
    case IPV6_TCLASS:
      fields.traffic_class = static_cast<std::uint8_t>(ReadInt(control));
      return true;
    case IPV6_HOPLIMIT:
      fields.hop_limit = ToHopLimit(ReadInt(control));
      return true;
    default:
      return false;
  }
}

std::size_t WriteIpFields(base::MutableBytes out, const IpFields& fields,
                          const SocketAddress& destination) {
  // An IPv4-mapped destination makes it an IPv4 packet, which takes the options of IPv4.
  const bool is_v4 = destination.generic.sa_family == AF_INET ||
                     IN6_IS_ADDR_V4MAPPED(&destination.v6.sin6_addr) != 0;
  const int level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
  std::size_t used = 0;
  if (fields.traffic_class != 0) {
    used += WriteControl(out.subspan(used), level, is_v4 ? IP_TOS : IPV6_TCLASS,
                         int{fields.traffic_class});
  }
  if (fields.hop_limit != 0) {
    used += WriteControl(out.subspan(used), level, is_v4 ? IP_TTL : IPV6_HOPLIMIT,
                         int{fields.hop_limit});
  }
  return used;
}

}  // namespace relay
