#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/base/ip_address.h"

// What the system knows of the network around it, as rtnetlink tells it.
namespace relay {

using MacAddress = std::array<std::uint8_t, 6>;

// A network interface that frames can be sent through.
struct NetworkInterface {
  std::uint32_t index = 0;
  std::string name = {};
  bool is_ethernet = false;  // has link-layer addresses of six octets, and needs those of others
  bool is_running = false;   // up, and has a carrier
  MacAddress address{};
  std::uint32_t mtu_bytes = 0;
};

// An address of this host.
struct LocalAddress {
  std::uint32_t interface_index = 0;
  base::IpAddress address;
};

// Where packets from one address to another leave.
struct NetworkRoute {
  std::uint32_t interface_index = 0;
  base::IpAddress neighbour;    // the gateway, or the destination itself
  std::uint32_t mtu_bytes = 0;  // 0: that of the interface
};

// Whose link-layer address is known, or was looked for.
struct Neighbour {
  std::uint32_t interface_index = 0;
  base::IpAddress address;
  std::uint16_t state = 0;        // NUD_*; 0: there is no such entry
  std::optional<MacAddress> mac;  // only in states in which the system uses it
};

}  // namespace relay
