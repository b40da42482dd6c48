#pragma once

#include <string>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"

namespace relay {

// How the world sees an address of this host, as a STUN server tells, such as
// "stun:stun.example.org:3478". Blocks for a few seconds at most. The error says why there is no
// answer. IPv6 is seldom translated: without an answer, such an address is its own counterpart.
base::Result<base::IpAddress> AskExternalAddress(const std::string& stun_uri,
                                                 const base::IpAddress& internal);

}  // namespace relay
