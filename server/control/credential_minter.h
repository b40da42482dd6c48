#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/time.h"
#include "server/control/credential_settings.h"
#include "server/control/mint_request.h"
#include "server/fleet/fleet.h"

namespace relay {

// For whom.
struct MintHolder {
  std::string_view tenant;
  std::string_view subject;
  std::string_view jti;
  // The credentials do not outlive it; nullopt: no bound.
  std::optional<base::WallTime> right_ends_at;
};

// Credentials, and the servers that take them.
struct Minted {
  struct Servers {
    std::vector<std::string> turn_urls;
    std::string username;
    std::string password;
  };
  std::vector<std::string> stun_urls;
  std::vector<Servers> servers;  // the best first; one for each secret that signed
  std::chrono::seconds ttl{0};
  base::WallTime expires_at;
  base::WallTime refresh_after;  // a fifth of the time before the end
  std::string region;            // of the first server
  std::string subject_hash;      // in the first user name
};

enum class MintFailure : std::uint8_t {
  kNoNode,     // nobody could relay
  kRegion,     // the required region cannot be had
  kNoSecret,   // for the nodes there are
  kRightOver,  // right_ends_at has come
  kHolder,     // the tenant cannot stand in a user name
};

// `nodes` are all that are known. Pure.
std::variant<Minted, MintFailure> Mint(const CredentialSettings& settings,
                                       std::vector<FleetNode> nodes, const MintRequest& request,
                                       const MintHolder& holder, base::WallTime now);

// {"iceServers": [...], ...} as POST /v1/ice-servers answers.
std::string IceServersDocument(const Minted& minted, std::string_view ice_transport_policy);

// {"username", "password", "ttl", "uris"} of the TURN REST draft, with the first user name.
std::string RestDocument(const Minted& minted);

}  // namespace relay
