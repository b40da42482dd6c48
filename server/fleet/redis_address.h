#pragma once

#include <cstdint>
#include <string>

namespace relay {

// Where a Redis is, and as whom to speak to it.
struct RedisAddress {
  std::string socket_path;  // of a unix socket; empty: by host and port
  std::string host;         // a name, or an address without brackets
  std::uint16_t port = 6379;
  std::string user;  // of its ACL; empty: the default user
  std::uint32_t database = 0;
  std::string password;  // empty: none

  // For people; without a secret.
  std::string Description() const {
    return socket_path.empty() ? host + ":" + std::to_string(port) : socket_path;
  }
};

}  // namespace relay
