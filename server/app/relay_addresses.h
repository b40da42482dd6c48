#pragma once

#include <optional>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"

namespace relay {

// The addresses that allocations are made on: relay.addresses, else those of the default routes,
// each with its external counterpart. Fails when there are external addresses but none for those of
// the default routes, or one of the other family, or when a STUN server that is to be asked for
// them (external_addresses_auto) does not tell; that blocks for some seconds. Never empty on
// success.
base::Result<std::vector<turn::RelayAddress>> ResolveRelayAddresses(const Config& config);

// The external counterpart that the configuration's map has for an address.
std::optional<base::IpAddress> MappedAddress(const Config& config, const base::IpAddress& internal);

// The source address that the default route of a family would give; without a route the first
// global address of an interface that is up; nullopt if the family has neither. Sends nothing.
std::optional<base::IpAddress> DefaultRouteAddress(base::AddressFamily family);

// Whether sockets of this family can be opened and bound here.
bool FamilyExists(base::AddressFamily family);

}  // namespace relay
