#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/control/node_choice.h"

namespace relay {

// What somebody wants credentials to be like.
struct MintRequest {
  std::optional<std::chrono::seconds> ttl;
  RegionWish region;
  std::string custom_identifier;             // up to 64 octets; for the audit log only
  std::string ice_transport_policy = "all";  // or "relay"
};

// What is wrong with a body, as a sentence without a final stop.
struct BadBody {
  std::string detail;
};

// The body of POST /v1/ice-servers; empty: all defaults. Members that it does not know are ignored,
// so that clients may be newer than the server.
std::variant<MintRequest, BadBody> ParseMintRequest(std::string_view body);

}  // namespace relay
