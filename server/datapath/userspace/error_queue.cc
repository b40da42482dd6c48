#include "server/datapath/userspace/error_queue.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "server/datapath/userspace/socket_address.h"

namespace relay {
namespace {

constexpr std::uint8_t kV4Unreachable = 3;
constexpr std::uint8_t kV4FragmentationNeeded = 4;
constexpr std::uint8_t kV6TooBig = 2;

std::optional<sock_extended_err> FindError(msghdr& header) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    const bool is_error =
        (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR) ||
        (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR);
    if (!is_error) continue;
    sock_extended_err error;
    std::memcpy(&error, CMSG_DATA(control), sizeof(error));
    return error;
  }
  return std::nullopt;
}

std::optional<stun::IcmpValue> ToIcmp(const sock_extended_err& error, bool is_v4) {
  const bool is_too_long = error.ee_errno == EMSGSIZE;
  switch (error.ee_origin) {
    case SO_EE_ORIGIN_ICMP:
    case SO_EE_ORIGIN_ICMP6:
      return stun::IcmpValue{error.ee_type, error.ee_code, is_too_long ? error.ee_info : 0};
    case SO_EE_ORIGIN_LOCAL:
      if (!is_too_long) return std::nullopt;
      return is_v4 ? stun::IcmpValue{kV4Unreachable, kV4FragmentationNeeded, error.ee_info}
                   : stun::IcmpValue{kV6TooBig, 0, error.ee_info};
    default:
      return std::nullopt;
  }
}

}  // namespace

bool EnableErrorQueue(int socket, int family) {
  const int on = 1;
  return family == AF_INET ? ::setsockopt(socket, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) == 0
                           : ::setsockopt(socket, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)) == 0;
}

std::size_t ReadErrorQueue(int socket, std::span<DeliveryError> into) {
  std::size_t count = 0;
  std::size_t passed_over = 0;
  while (count < into.size() && passed_over < kMaxPassedOver) {
    SocketAddress destination;
    alignas(cmsghdr) std::array<std::uint8_t, 256> control;
    msghdr header{};
    header.msg_name = &destination.generic;
    header.msg_namelen = sizeof(destination.v6);
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    // The quoted payload is of no interest.
    if (::recvmsg(socket, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    destination.length = header.msg_namelen;
    const std::optional<sock_extended_err> error = FindError(header);
    const sa_family_t family = destination.generic.sa_family;
    const bool has_destination =
        destination.length > 0 && (family == AF_INET || family == AF_INET6);
    const auto icmp = error && has_destination ? ToIcmp(*error, family == AF_INET) : std::nullopt;
    if (icmp) {
      into[count++] = {ToEndpoint(destination.generic), *icmp};
    } else {
      ++passed_over;
    }
  }
  return count;
}

}  // namespace relay
