#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ip_address.h"

namespace relay {

// A process that has a socket.
struct PortHolder {
  std::int32_t process = 0;
  std::string name;  // as /proc/PID/comm has it

  friend bool operator==(const PortHolder&, const PortHolder&) = default;
};

enum class PortProtocol : std::uint8_t { kUdp, kTcp };

// The socket inodes of a table of procfs (/proc/net/udp, tcp, udp6, tcp6) that stand in the way of
// `wanted`: same port, and the same address or a wildcard on either side. Of TCP only listening
// sockets count. What is malformed is skipped.
std::vector<std::uint64_t> FindSocketInodes(const std::string& table, const base::Endpoint& wanted,
                                            PortProtocol protocol);

// Who holds a port, as far as `proc` shows it to us: sockets of other users' processes have no
// holder that can be named.
std::vector<PortHolder> FindPortHolders(const std::string& proc, const base::Endpoint& wanted,
                                        PortProtocol protocol);

}  // namespace relay
