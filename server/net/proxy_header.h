#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"

namespace relay {

// Versions 1 and 2 of the PROXY protocol (haproxy's "PROXY protocol", 2020-03-05): what a load
// balancer writes in front of a connection, or of a datagram, to say on whose behalf it comes.
struct ProxyHeader {
  struct Addresses {
    base::Endpoint client;
    base::Endpoint server;  // where the client was connected to
  };
  // nullopt: the proxy speaks for itself (LOCAL, UNKNOWN, or a family that is not IP).
  std::optional<Addresses> addresses;
};

struct ParsedProxyHeader {
  enum class Verdict : std::uint8_t {
    kComplete,  // `header` is it; `bytes` octets were its length
    kNeedMore,  // so far it is one; all of the octets belong to it, and `bytes` in all do at least
    kInvalid,   // it is none
  };
  Verdict verdict;
  std::size_t bytes = 0;
  ProxyHeader header = {};
};

// Reads the header that `octets` begin with.
ParsedProxyHeader ParseProxyHeader(base::Bytes octets);
// The same for a datagram, where only version 2 exists; kNeedMore never comes back.
ParsedProxyHeader ParseDatagramProxyHeader(base::Bytes datagram);

// The longest header that is accepted: addresses and a few hundred octets of extensions.
inline constexpr std::size_t kMaxProxyHeaderBytes = 1024;

}  // namespace relay
