#include "tests/server/datapath/kernel/frame.h"

#include <algorithm>

namespace relay::test {
namespace {

constexpr std::size_t kEthernetBytes = 14;
constexpr std::uint8_t kUdp = 17;

void Append16(Octets& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

void Append(Octets& to, const auto& octets) { to.insert(to.end(), octets.begin(), octets.end()); }

void AppendAddress(Octets& to, const base::IpAddress& address) {
  if (address.is_v4())
    Append(to, address.v4_octets());
  else
    Append(to, address.octets());
}

// RFC 1071.
std::uint32_t Sum(const Octets& octets, std::size_t from, std::size_t to) {
  std::uint32_t sum = 0;
  for (std::size_t i = from; i < to; i += 2)
    sum += static_cast<std::uint32_t>(octets[i] << 8) + (i + 1 < to ? octets[i + 1] : 0U);
  return sum;
}

std::uint16_t Fold(std::uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

bool IsV6(const Octets& frame) { return Read16(frame, 12) == 0x86dd; }

// RFC 768; RFC 8200 section 8.1.
std::uint32_t PseudoSum(const Octets& frame) {
  const std::size_t addresses = IsV6(frame) ? kEthernetBytes + 8 : kEthernetBytes + 12;
  const std::size_t udp_bytes = Read16(frame, UdpAt(frame) + 4);
  return Sum(frame, addresses, UdpAt(frame)) + kUdp + static_cast<std::uint32_t>(udp_bytes);
}

Octets Slice(const Octets& octets, std::size_t from, std::size_t bytes) {
  const auto begin = octets.begin() + static_cast<std::ptrdiff_t>(from);
  return {begin, begin + static_cast<std::ptrdiff_t>(bytes)};
}

base::IpAddress AddressAt(const Octets& frame, std::size_t at, bool is_v6) {
  if (!is_v6) {
    return base::IpAddress::FromV4({frame[at], frame[at + 1], frame[at + 2], frame[at + 3]});
  }
  std::array<std::uint8_t, 16> octets;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), 16, octets.begin());
  return base::IpAddress::FromV6(octets);
}

void ReadIpv4(const Octets& frame, ReadFrame& read) {
  if (frame[14] != 0x45) read.problem = "not a plain IPv4 header";
  if (Fold(Sum(frame, 14, 34)) != 0xffff) read.problem = "the IPv4 header's checksum is wrong";
  if (Read16(frame, 16) != frame.size() - kEthernetBytes) read.problem = "the length of IPv4";
  if (frame[23] != kUdp) read.problem = "not UDP";
  if ((Read16(frame, 20) & 0xbfff) != 0) read.problem = "a fragment";
  read.datagram.traffic_class = frame[15];
  read.datagram.identification = Read16(frame, 18);
  read.datagram.dont_fragment = (frame[20] & 0x40) != 0;
  read.datagram.hop_limit = frame[22];
  read.datagram.source.address = AddressAt(frame, 26, false);
  read.datagram.destination.address = AddressAt(frame, 30, false);
}

void ReadIpv6(const Octets& frame, ReadFrame& read) {
  if (frame[14] >> 4 != 6) read.problem = "not IPv6";
  if (Read16(frame, 18) + 40U != frame.size() - kEthernetBytes) read.problem = "the length of IPv6";
  if (frame[20] != kUdp) read.problem = "not UDP";
  read.datagram.traffic_class = static_cast<std::uint8_t>(frame[14] << 4 | frame[15] >> 4);
  read.datagram.flow_label =
      static_cast<std::uint32_t>((frame[15] & 0x0f) << 16 | frame[16] << 8 | frame[17]);
  read.datagram.hop_limit = frame[21];
  read.datagram.source.address = AddressAt(frame, 22, true);
  read.datagram.destination.address = AddressAt(frame, 38, true);
}

}  // namespace

std::size_t IpAt() { return kEthernetBytes; }
std::size_t UdpAt(const Octets& frame) { return kEthernetBytes + (IsV6(frame) ? 40U : 20U); }

void Write16(Octets& frame, std::size_t at, std::uint16_t value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8);
  frame[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint16_t Read16(const Octets& frame, std::size_t at) {
  return static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]);
}

void MendIpv4(Octets& frame) {
  const std::size_t end = kEthernetBytes + (frame[14] & 0x0fU) * 4;
  Write16(frame, 24, 0);
  Write16(frame, 24, static_cast<std::uint16_t>(~Fold(Sum(frame, 14, end))));
}

void MendUdp(Octets& frame) {
  Write16(frame, CheckAt(frame), 0);
  const std::uint32_t sum = PseudoSum(frame) + Sum(frame, UdpAt(frame), frame.size());
  const auto check = static_cast<std::uint16_t>(~Fold(sum));
  Write16(frame, CheckAt(frame), check == 0 ? 0xffff : check);
}

void LeaveCheckUnfinished(Octets& frame) { Write16(frame, CheckAt(frame), Fold(PseudoSum(frame))); }

Octets MakeFrame(const Datagram& datagram) {
  const bool is_v6 = !datagram.source.address.is_v4();
  const std::size_t udp_bytes = 8 + datagram.payload.size();
  Octets frame;
  Append(frame, kServerMac);
  Append(frame, kRouterMac);
  Append16(frame, is_v6 ? 0x86dd : 0x0800);
  if (is_v6) {
    Append16(frame, 0x6000U | std::size_t{datagram.traffic_class} << 4 | datagram.flow_label >> 16);
    Append16(frame, datagram.flow_label & 0xffff);
    Append16(frame, udp_bytes);
    Append16(frame, kUdp << 8U | datagram.hop_limit);
  } else {
    Append16(frame, 0x4500U | datagram.traffic_class);
    Append16(frame, 20 + udp_bytes);
    Append16(frame, datagram.identification);
    Append16(frame, datagram.dont_fragment ? 0x4000 : 0);
    Append16(frame, std::size_t{datagram.hop_limit} << 8 | kUdp);
    Append16(frame, 0);
  }
  AppendAddress(frame, datagram.source.address);
  AppendAddress(frame, datagram.destination.address);
  Append16(frame, datagram.source.port);
  Append16(frame, datagram.destination.port);
  Append16(frame, udp_bytes);
  Append16(frame, 0);
  Append(frame, datagram.payload);
  if (!is_v6) MendIpv4(frame);
  MendUdp(frame);
  return frame;
}

ReadFrame Read(const Octets& tagged, bool allows_no_check) {
  ReadFrame read;
  Octets frame = tagged;
  if (frame.size() > 18 && Read16(frame, 12) == 0x8100) {
    read.vlan = Read16(frame, 14);
    frame.erase(frame.begin() + 12, frame.begin() + 16);
  }
  const std::uint16_t protocol = frame.size() < 42 ? std::uint16_t{0} : Read16(frame, 12);
  if (protocol != 0x0800 && (protocol != 0x86dd || frame.size() < 62)) {
    read.problem = "neither IPv4 nor IPv6";
    return read;
  }
  std::copy_n(frame.begin(), 6, read.destination_mac.begin());
  std::copy_n(frame.begin() + 6, 6, read.source_mac.begin());
  if (protocol == 0x0800)
    ReadIpv4(frame, read);
  else
    ReadIpv6(frame, read);
  const std::size_t udp = UdpAt(frame);
  read.datagram.source.port = Read16(frame, udp);
  read.datagram.destination.port = Read16(frame, udp + 2);
  read.check = Read16(frame, udp + 6);
  read.datagram.payload = Slice(frame, udp + 8, frame.size() - udp - 8);
  if (Read16(frame, udp + 4) != frame.size() - udp) {
    read.problem = "the length of UDP";
  } else if (read.check == 0) {
    if (!allows_no_check || protocol != 0x0800) read.problem = "no UDP checksum";
  } else if (Fold(PseudoSum(frame) + Sum(frame, udp, frame.size())) != 0xffff) {
    read.problem = "the UDP checksum is wrong";
  }
  return read;
}

Octets ChannelData(std::uint16_t channel, const Octets& data) {
  Octets message;
  Append16(message, channel);
  Append16(message, data.size());
  Append(message, data);
  return message;
}

Octets Pattern(std::size_t bytes) {
  Octets octets(bytes);
  std::uint32_t state = 12345;
  for (std::uint8_t& octet : octets) {
    state = state * 1664525 + 1013904223;
    octet = static_cast<std::uint8_t>(state >> 24);
  }
  return octets;
}

}  // namespace relay::test
