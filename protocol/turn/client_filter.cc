#include "protocol/turn/client_filter.h"

#include <algorithm>
#include <array>

namespace turn {
namespace {

bool IsImpossibleSource(const base::FiveTuple& five_tuple) {
  const base::Endpoint& client = five_tuple.client;
  if (client.port == 0 || client.address.is_unspecified()) return true;
  if (client == five_tuple.server) return true;
  if (client.address.is_v4()) {
    const std::array<std::uint8_t, 4> octets = client.address.v4_octets();
    const bool is_multicast = octets[0] >= 224 && octets[0] < 240;
    return is_multicast || octets[0] == 0 ||
           octets == std::array<std::uint8_t, 4>{255, 255, 255, 255};
  }
  return client.address.octets()[0] == 0xff;
}

bool IsDenied(const Policy& policy, const base::IpAddress& client) {
  return std::any_of(policy.denied_clients.begin(), policy.denied_clients.end(),
                     [&](const base::IpPrefix& prefix) { return prefix.Contains(client); });
}

}  // namespace

bool IsRefusedClient(const Policy& policy, const base::FiveTuple& five_tuple) {
  return IsImpossibleSource(five_tuple) || IsDenied(policy, five_tuple.client.address);
}

bool IsTunnelled(const base::IpAddress& client) {
  const std::array<std::uint8_t, 16>& octets = client.octets();
  const bool is_6to4 = octets[0] == 0x20 && octets[1] == 0x02;
  const bool is_teredo = octets[0] == 0x20 && octets[1] == 0x01 && octets[2] == 0 && octets[3] == 0;
  return !client.is_v4() && (is_6to4 || is_teredo);
}

}  // namespace turn
