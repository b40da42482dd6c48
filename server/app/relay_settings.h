#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "auth/access_token.h"
#include "protocol/turn/credential_source.h"
#include "protocol/turn/ledger.h"
#include "protocol/turn/peer_policy.h"
#include "protocol/turn/policy.h"
#include "server/config/config.h"
#include "server/net/shard_group.h"

// From the configuration to what the relay runs on.
namespace relay {

// The rules, with everything that peers must not reach: our own sockets and addresses besides the
// operator's lists.
turn::Policy MakePolicy(const Config& config,
                        const std::vector<turn::RelayAddress>& relay_addresses);

// The keys of access tokens, as octets.
auth::AccessTokenSettings MakeAccessTokenSettings(const Config& config);

// "udp", "dtls", "tcp", "tls", "edge".
std::string_view KindName(ShardGroup::ListenerKind kind);

// Threads and bounds of memory by what this process may have, listeners (in the order of the
// configuration), limits, ports. Listeners of a default list may fail to open; those that somebody
// wrote may not.
ShardGroup::Options MakeShardGroupOptions(const Config& config,
                                          const std::vector<turn::RelayAddress>& relay_addresses,
                                          std::shared_ptr<const turn::Policy> policy);

// Whom the configuration lets in.
std::shared_ptr<const turn::CredentialSource> MakeCredentials(const Config& config);

// The limits of one allocation.
TrafficLimits MakeTrafficLimits(const Config& config);

// The limits and ports that all shards share.
turn::Ledger::Options MakeLedgerOptions(const Config& config,
                                        const std::vector<turn::RelayAddress>& relay_addresses);

}  // namespace relay
