#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/base/random.h"
#include "protocol/base/result.h"
#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"
#include "server/probe/turn_exchange.h"

namespace relay {

class RelayServer;

// A relay in this process for as long as doctor looks at it, when none runs: on the listeners of
// the configuration, so that what serves later is what is tried now, but for this host alone.
// Everybody else gets no answer, as if nothing listened (clients.deny), and so no client settles on
// a server that is gone in a moment. It relays in userspace, with one user whose password nobody
// else has. One thread.
class TrialServer {
 public:
  // `listeners` are those that can be opened.
  static base::Result<std::unique_ptr<TrialServer>> Start(
      Config config, std::vector<Config::Listener> listeners,
      const std::vector<turn::RelayAddress>& relay_addresses, base::RandomSource& random);
  TrialServer(const TrialServer&) = delete;
  TrialServer& operator=(const TrialServer&) = delete;
  ~TrialServer();

  const ProbeCredential& credential() const { return credential_; }

 private:
  TrialServer(std::unique_ptr<RelayServer> relay, ProbeCredential credential);

  std::unique_ptr<RelayServer> relay_;
  ProbeCredential credential_;
};

// The prefixes that together hold every address but these.
std::vector<base::IpPrefix> AllBut(const std::vector<base::IpAddress>& addresses);

}  // namespace relay
