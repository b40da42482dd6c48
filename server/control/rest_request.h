#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/config/config.h"
#include "server/control/mint_request.h"
#include "server/web/http_message.h"

namespace relay {

// A request in the form of the TURN REST draft (draft-uberti-behave-turn-rest): the fields
// `service`, `username`, `key` and `ttl` of the query and, with POST, of the body.
struct RestRequest {
  std::string tenant;    // of the key
  std::string username;  // empty: none
  std::optional<std::chrono::seconds> ttl;
};
struct UnknownKey {};

// The key is compared first, in the same time for every key. `service` must be "turn".
std::variant<RestRequest, UnknownKey, BadBody> ParseRestRequest(
    const HttpRequest& request, const std::vector<Config::ApiKey>& api_keys);

}  // namespace relay
