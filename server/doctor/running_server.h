#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/probe/turn_exchange.h"

namespace relay {

// A server that answers at its admin socket.
struct RunningServer {
  std::int32_t process = 0;
  std::string socket;
};

// The first of `sockets` at which one answers.
std::optional<RunningServer> FindRunningServer(const std::vector<std::string>& sockets);

// With what a probe may use a server of this configuration: the first shared secret, valid for a
// few minutes, else the first user whose MD5 key is known; nullopt: there is neither.
std::optional<ProbeCredential> CredentialOf(const Config& config);

}  // namespace relay
