#pragma once

#include <optional>

#include "protocol/base/ip_address.h"

namespace fuzz {

// Whether a peer may be reached at this address when nothing else is said: it is public, and no
// spelling of one that is not. Written a second time, apart from turn::PeerPolicy.
bool IsPublic(const base::IpAddress& address);

// The IPv4 address in the interface identifier of ISATAP (RFC 5214 section 6.1), the one spelling
// of IPv4 in public IPv6 addresses.
std::optional<base::IpAddress> IsatapOf(const base::IpAddress& address);

}  // namespace fuzz
