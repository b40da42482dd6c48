#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"

namespace relay {

// The addresses of a host, which may be an address itself (IPv6 with or without brackets), at a
// port; of `family` only, if there is one. Blocks while names are resolved. The error says why
// there are none.
base::Result<std::vector<base::Endpoint>> LookUp(
    const std::string& host, std::uint16_t port,
    std::optional<base::AddressFamily> family = std::nullopt);

// "host:port", "[address]:port" or a host alone, which is at `default_port`. nullopt: neither.
struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};
std::optional<HostPort> ParseHostPort(std::string_view text, std::uint16_t default_port);

}  // namespace relay
