#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/fuzz/engine_model.h"
#include "tests/support/turn_message.h"

namespace fuzz {

// What is left of the input; past its end there are zeros.
class Input {
 public:
  explicit Input(base::Bytes octets) : octets_(octets) {}

  bool is_over() const { return octets_.empty(); }
  std::uint8_t Octet() {
    if (octets_.empty()) return 0;
    const std::uint8_t octet = octets_[0];
    octets_ = octets_.subspan(1);
    return octet;
  }
  std::size_t Below(std::size_t limit) { return Octet() % limit; }
  bool Flag() { return (Octet() & 1) != 0; }
  std::vector<std::uint8_t> Some(std::size_t most) {
    std::vector<std::uint8_t> taken(Below(most + 1));
    for (std::uint8_t& octet : taken) octet = Octet();
    return taken;
  }

 private:
  base::Bytes octets_;
};

// A peer of the world that EngineModel knows: one that may be reached, one that may not, in
// whatever spelling, a relay of this server, or nonsense.
inline void AddPeer(Input& input, const EngineModel& model, test_support::TurnMessage& message) {
  const auto port = static_cast<std::uint16_t>(5000 + input.Below(2));
  switch (const std::size_t kind = input.Below(18)) {
    case 0:
    case 1:
    case 2:
    case 3:
      message.Peer({base::IpAddress::FromV4({20, 9, 9, static_cast<std::uint8_t>(kind)}), port});
      return;
    case 4:
    case 5:
      message.Peer({turn::kPeerV6.address, port});
      return;
    case 6:
      message.Peer({turn::kRelayV4, static_cast<std::uint16_t>(50000 + input.Below(16))});
      return;
    case 7:
    case 8:
      message.Peer(model.AnyRelay(input.Octet()).value_or(turn::kServer));
      return;
    case 9: {
      // An IPv4 address in one of the spellings of IPv6.
      constexpr std::array<const char*, 9> kSpellings = {
          "::",         "::ffff:0:0", "::ffff:0:0:0",     "64:ff9b::",           "64:ff9b:1::",
          "2002:909::", "2001::",     "2600:9::5efe:0:0", "2600:9::200:5efe:0:0"};
      auto octets = turn::Address(kSpellings[input.Below(kSpellings.size())]).octets();
      constexpr std::array<std::array<std::uint8_t, 4>, 4> kInside = {
          {{127, 0, 0, 1}, {10, 0, 0, 1}, {20, 9, 9, 2}, {192, 0, 2, 1}}};
      const auto& inside = kInside[input.Below(kInside.size())];
      std::copy(inside.begin(), inside.end(), octets.begin() + 12);
      message.PeerV6(octets, port);
      return;
    }
    case 10:
    case 11: {
      constexpr std::array<const char*, 10> kRefused = {
          "127.0.0.1",   "10.0.0.1", "169.254.169.254", "0.0.0.0",       "255.255.255.255",
          "224.0.0.251", "::1",      "fe80::1",         "fd00:ec2::254", "ff02::1"};
      message.Peer({turn::Address(kRefused[input.Below(kRefused.size())]), port});
      return;
    }
    case 12: {
      std::array<std::uint8_t, 16> octets{};
      for (std::uint8_t& octet : octets) octet = input.Octet();
      message.PeerV6(octets, static_cast<std::uint16_t>(input.Octet() << 8 | input.Octet()));
      return;
    }
    case 13:
      message.Peer(
          {base::IpAddress::FromV4({input.Octet(), input.Octet(), input.Octet(), input.Octet()}),
           port});
      return;
    case 14:
      message.Bytes(stun::AttributeType::kXorPeerAddress, input.Some(21));
      return;
    case 15:
      message.Peer({turn::kPeer.address, 0});
      return;
    default:
      message.Peer(turn::kPeer);
  }
}

// What every signed request may have beside what it is about.
inline void AddExtras(Input& input, test_support::TurnMessage& message) {
  switch (input.Below(12)) {
    case 0:
      message.Bytes(stun::AttributeType::kDontFragment, {});
      break;
    case 1:
      message.U32(static_cast<stun::AttributeType>(0x7f00), 0);
      break;
    case 2:
      message.Bytes(static_cast<stun::AttributeType>(0x8000 + input.Octet()), input.Some(9));
      break;
    default:
      break;
  }
}

inline std::uint32_t AnyLifetime(Input& input) {
  constexpr std::array<std::uint32_t, 8> kLifetimes = {0, 1, 600, 601, 1800, 3600, 3601, ~0u};
  return kLifetimes[input.Below(kLifetimes.size())];
}

}  // namespace fuzz
