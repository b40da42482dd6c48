#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"
#include "server/doctor/finding.h"

namespace relay {

// What doctor looks at.
struct DiagnosisOptions {
  Config config;
  bool has_own_certificates = false;       // tls.certificates are those that the server made
  std::vector<std::string> admin_sockets;  // where a running server would answer
  std::vector<turn::RelayAddress> relay_addresses;  // empty without the role
  std::optional<std::string> stun;                  // a server outside, "host:port"
};

// Gathers the facts of this host and judges them, area by area; takes seconds. When no server
// answers at its admin socket, one is started in this process for the relaying (trial_server.h).
Findings Diagnose(const DiagnosisOptions& options);

}  // namespace relay
