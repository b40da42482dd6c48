#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relay {

// Ports that the system may give to any program that asks for no particular one.
struct PortRange {
  std::uint16_t min = 0;
  std::uint16_t max = 0;

  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// The first stretch of `relay` that lies in the ephemeral range and is not reserved; nullopt: none.
// `local_range` and `reserved` are the contents of ip_local_port_range ("32768 60999") and
// ip_local_reserved_ports ("49152-65535,8080"); text of another form counts as empty.
std::optional<PortRange> FindUnreservedOverlap(PortRange relay, std::string_view local_range,
                                               std::string_view reserved);

// The same from what this host says.
std::optional<PortRange> ReadUnreservedOverlap(PortRange relay);

}  // namespace relay
