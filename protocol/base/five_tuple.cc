#include "protocol/base/five_tuple.h"

#include <cstring>

#include "protocol/base/check.h"
#include "protocol/base/hash.h"

namespace base {

std::string_view TransportName(Transport transport) {
  switch (transport) {
    case Transport::kUdp:
      return "udp";
    case Transport::kTcp:
      return "tcp";
    case Transport::kTls:
      return "tls";
    case Transport::kDtls:
      return "dtls";
    case Transport::kWss:
      return "wss";
  }
  CHECK(false);
}

std::size_t FiveTupleHash::operator()(const FiveTuple& five_tuple) const noexcept {
  std::uint64_t client[2];
  std::uint64_t server[2];
  std::memcpy(client, five_tuple.client.address.octets().data(), sizeof(client));
  std::memcpy(server, five_tuple.server.address.octets().data(), sizeof(server));
  const std::uint64_t ports_and_transport = (std::uint64_t{five_tuple.client.port} << 32) |
                                            (std::uint64_t{five_tuple.server.port} << 16) |
                                            static_cast<std::uint64_t>(five_tuple.transport);
  return HashWords({client[0], client[1], server[0], server[1], ports_and_transport});
}

}  // namespace base
