#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "protocol/base/time.h"
#include "protocol/turn/peer_policy.h"
#include "server/app/embedded_default.h"
#include "server/config/config.h"
#include "server/tls/certificate.h"

namespace relay {

// What the summary tells about a server that has just opened everything.
struct StartupFacts {
  std::vector<Config::Listener> opened;  // with the ports that they really have
  std::vector<LeftOutListener> left_out;
  std::vector<base::Endpoint> further_sockets;  // of NAT discovery
  std::vector<Certificate> certificates;
  bool has_self_signed = false;  // whether they are those of the embedded default
  std::vector<turn::RelayAddress> relay_addresses;
  std::size_t shards = 1;                        // 0: this process is no relay
  std::uint64_t relay_descriptors = UINT64_MAX;  // how many sockets of relays the system allows
  std::string datapath;                          // which, and why
  std::string secret_path;      // where the embedded default's secret is kept; empty: configured
  std::string admin_socket;     // empty: none
  std::string metrics_url;      // empty: none
  std::string credentials_url;  // of the credential API; empty: none
};

// A few readable lines for the terminal, and for the embedded default (which has a secret_path) an
// iceServers JSON to paste with credentials that are valid for a day. Ends with a newline. `now`
// dates them. Reads the host's ephemeral port range in order to warn of an overlap.
std::string StartupSummary(const Config& config, const StartupFacts& facts, base::WallTime now);

}  // namespace relay
