#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/random.h"
#include "protocol/stun/message_writer.h"

namespace turn {

// Where clients are sent instead of being given a new allocation (RFC 8489 section 10, RFC 8656
// section 7.2 step 11). Part of the Policy.
struct Redirect {
  enum class When : std::uint8_t { kDraining, kAlways };
  When when = When::kDraining;
  // As clients reach them, over every transport. This server itself may be among them.
  std::vector<base::Endpoint> servers;
  // A DNS name in the certificates of the servers, where it is another one than here (RFC 8489
  // section 14.16); empty: it is not. At most 255 octets.
  std::string domain;
};

// What one 300 says. It refers to the Redirect that it comes from.
struct Alternate {
  base::Endpoint server;  // of the client's address family
  std::optional<base::Endpoint> server_of_other_family;
  std::string_view domain;  // empty: ALTERNATE-DOMAIN is left out
};

// How a client came here.
struct RedirectedClient {
  base::AddressFamily family;
  // The transport address where its request arrived, as sockets know it and as the world does.
  std::array<base::Endpoint, 2> asked;
  // Its transport has a certificate, and its request had MESSAGE-INTEGRITY-SHA256: it understands
  // ALTERNATE-DOMAIN (RFC 8489 section 10).
  bool checks_domain = false;
};

// Where this client goes: to any of the servers of its family, all alike. Never to where it is. Who
// asked one of the servers by its name is not redirected but for draining, so that servers that
// name each other, or an anycast address beside a unicast one (RFC 8155 section 6), do not send
// anybody round in circles. nullopt: it stays.
std::optional<Alternate> ChooseAlternate(const Redirect& redirect, bool is_draining,
                                         const RedirectedClient& client,
                                         base::RandomSource& random);

// ALTERNATE-SERVER, once or twice, and ALTERNATE-DOMAIN.
void WriteAlternate(stun::MessageWriter& attributes, const Alternate& alternate);

}  // namespace turn
