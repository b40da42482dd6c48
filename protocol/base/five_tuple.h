#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/base/ip_address.h"

namespace base {

// How a client reaches the server. TURN treats TCP, TLS and WSS alike (a byte stream), and UDP and
// DTLS alike.
enum class Transport : std::uint8_t { kUdp, kTcp, kTls, kDtls, kWss };

inline constexpr int kTransportCount = 5;

constexpr bool IsStream(Transport transport) {
  return transport == Transport::kTcp || transport == Transport::kTls ||
         transport == Transport::kWss;
}

// "udp", "tcp", "tls", "dtls", "wss".
std::string_view TransportName(Transport transport);

// What identifies an allocation (RFC 8656 section 3.2): the client's transport address as the
// server sees it, the server's transport address that was asked, and the protocol between them.
struct FiveTuple {
  Endpoint client;
  Endpoint server;
  Transport transport = Transport::kUdp;

  friend constexpr auto operator<=>(const FiveTuple&, const FiveTuple&) = default;
};

struct FiveTupleHash {
  std::size_t operator()(const FiveTuple& five_tuple) const noexcept;
};

}  // namespace base
