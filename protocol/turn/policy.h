#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/turn/peer_policy.h"
#include "protocol/turn/redirect.h"

namespace turn {

// Everything about the rules that an operator can decide, as one immutable value
// (std::shared_ptr<const Policy>). Defaults are those of docs/configuration.md. A limit of 0 means
// unlimited.
struct Policy {
  std::string realm = "senso-turn";  // under 128 characters
  std::string software = "senso-turn";

  enum class SoftwareAttribute : std::uint8_t { kNever, kAuthenticated, kAlways };
  SoftwareAttribute software_attribute = SoftwareAttribute::kAuthenticated;

  enum class ChannelNumbers : std::uint8_t { kRfc8656, kRfc5766 };
  ChannelNumbers channel_numbers = ChannelNumbers::kRfc8656;

  bool classic_stun = true;         // RFC 3489 Binding over UDP
  bool password_algorithms = true;  // RFC 8489 feature bit 0
  bool username_anonymity = true;   // feature bit 1

  // Which kinds of allocations there are: RFC 8656, and RFC 6062 over TCP and TLS.
  bool udp_relay = true;
  bool tcp_relay = false;

  bool mobility = false;  // RFC 8016

  // Where NAT behaviour discovery is on: whether PADDING and RESPONSE-PORT are honoured (RFC 5780
  // sections 7.5 and 7.6), for anybody, without credentials. Otherwise they are refused with 420.
  bool discovery_padding = false;
  bool discovery_response_port = false;

  std::chrono::seconds default_lifetime{600};
  std::chrono::seconds max_lifetime{3600};
  std::chrono::seconds nonce_lifetime{3600};
  std::chrono::seconds permission_lifetime{300};
  std::chrono::seconds channel_lifetime{600};
  std::chrono::seconds reservation_lifetime{30};

  // What a Refresh with a user name that expired meanwhile gets.
  enum class ExpiredRefresh : std::uint8_t { kGrace, kRefuse };
  ExpiredRefresh expired_refresh = ExpiredRefresh::kGrace;
  std::chrono::seconds expired_refresh_max{12 * 3600};

  std::uint32_t permissions_per_allocation = 64;
  std::uint32_t channels_per_allocation = 64;
  std::uint32_t connections_per_allocation = 64;  // with peers, of a TCP allocation

  // Unauthenticated answers over UDP for one source (/32 or /64): tokens a second, and at most so
  // many at once.
  std::uint32_t challenge_rate = 200;
  std::uint32_t challenge_burst = 1000;

  std::vector<base::IpPrefix> denied_clients;

  PeerPolicy peers{PeerPolicy::Rules{}};

  bool draining = false;  // new Allocate requests get 300, or 508 where there is nowhere to go
  Redirect redirect;
};

}  // namespace turn
