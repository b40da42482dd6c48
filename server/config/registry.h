#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace relay {

// What `fleet.registry` and `fleet.read` name: redis://user@host:port/number, or
// unix:/path?user=NAME&database=NUMBER.
struct RegistryUrl {
  std::string socket_path;  // of a unix socket; empty: by host and port
  std::string host;         // a name, or an address without brackets
  std::uint16_t port = 6379;
  std::string user;
  std::uint32_t database = 0;

  friend bool operator==(const RegistryUrl&, const RegistryUrl&) = default;
};

// The error says what is wrong with it, ready to follow the quoted text.
base::Result<RegistryUrl> ParseRegistryUrl(std::string_view text);

}  // namespace relay
