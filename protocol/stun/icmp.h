#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/base/bytes.h"

namespace stun {

// Why a datagram did not arrive, in the words of the ICMP message that said so: ICMPv4 or ICMPv6 by
// the family of the peer in XOR-PEER-ADDRESS.
struct IcmpValue {
  std::uint8_t type;
  std::uint8_t code;
  // The next hop's MTU in octets, where type and code are about it; otherwise 0.
  std::uint32_t data;

  friend bool operator==(const IcmpValue&, const IcmpValue&) = default;
};

// The ICMP attribute as figure 11 of RFC 8656 has it (section 18.13): 16 reserved bits, 7 of type,
// 9 of code, 32 of data. `type` is under 128, as all that are relayed.
std::array<std::uint8_t, 8> EncodeIcmp(const IcmpValue& value);
std::optional<IcmpValue> DecodeIcmp(base::Bytes value);  // nullopt: not eight octets

}  // namespace stun
