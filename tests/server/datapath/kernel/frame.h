#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/ip_address.h"

namespace relay::test {

using Octets = std::vector<std::uint8_t>;

// A UDP datagram in an Ethernet frame, as values. Nothing here is shared with the program under
// test: frames are made and read, and checksums are summed, by the plain text of the RFCs.
struct Datagram {
  base::Endpoint source;
  base::Endpoint destination;
  std::uint8_t traffic_class = 0;
  std::uint8_t hop_limit = 64;
  bool dont_fragment = true;         // of IPv4
  std::uint16_t identification = 0;  // of IPv4
  std::uint32_t flow_label = 0;      // of IPv6
  Octets payload;
};

using Mac = std::array<std::uint8_t, 6>;
// That of the loopback interface, at which test runs of tc arrive.
inline constexpr Mac kServerMac{};
inline constexpr Mac kRouterMac{2, 0, 0, 0, 0, 1};
inline constexpr Mac kEgressMac{2, 0, 0, 0, 0, 2};

// With sound checksums.
Octets MakeFrame(const Datagram& datagram);

// A frame that is to be a sound one: lengths agree, checksums are right and there.
struct ReadFrame {
  std::string problem;  // empty: sound
  Mac destination_mac{};
  Mac source_mac{};
  int vlan = 0;
  Datagram datagram;
  std::uint16_t check = 0;  // of UDP
};
// `allows_no_check`: a UDP checksum of 0 over IPv4 is no problem.
ReadFrame Read(const Octets& frame, bool allows_no_check = false);

// Where things are in a frame without a VLAN tag.
std::size_t IpAt();
std::size_t UdpAt(const Octets& frame);
inline std::size_t CheckAt(const Octets& frame) { return UdpAt(frame) + 6; }
void Write16(Octets& frame, std::size_t at, std::uint16_t value);
std::uint16_t Read16(const Octets& frame, std::size_t at);
// Makes the checksum of the IPv4 header, or that of UDP, right again after a change.
void MendIpv4(Octets& frame);
void MendUdp(Octets& frame);
// What a sender on the same machine leaves in the field of UDP's checksum: the sum over the
// pseudo-header.
void LeaveCheckUnfinished(Octets& frame);

Octets ChannelData(std::uint16_t channel, const Octets& data);
// `bytes` octets that differ from each other.
Octets Pattern(std::size_t bytes);

}  // namespace relay::test
