#pragma once

#include <vector>

#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"
#include "server/control/check_page.h"

namespace relay {

// The connectivity page for this server. Of each way it names the listener that strict firewalls
// are most likely to let out: UDP inside 49152-65535, TLS at 443; else the first one. Without a
// shared secret there is no page.
CheckPageSettings MakeCheckPageSettings(const Config& config,
                                        const std::vector<turn::RelayAddress>& relay_addresses);

}  // namespace relay
