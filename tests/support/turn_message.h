#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/stun/attribute_type.h"
#include "protocol/stun/fingerprint.h"
#include "protocol/stun/integrity.h"
#include "protocol/stun/message_type.h"
#include "protocol/stun/message_view.h"

namespace test_support {

// A STUN message as a client, or an attacker, writes it: any attribute with any octets in any
// order. Each message has a transaction ID of its own.
class TurnMessage {
 public:
  explicit TurnMessage(stun::Method method,
                       stun::MessageClass message_class = stun::MessageClass::kRequest)
      : octets_(20) {
    static std::uint32_t counter = 0;
    ++counter;
    const std::uint16_t type = stun::EncodeMessageType({method, message_class});
    octets_[0] = static_cast<std::uint8_t>(type >> 8);
    octets_[1] = static_cast<std::uint8_t>(type);
    constexpr std::array<std::uint8_t, 4> kCookie = {0x21, 0x12, 0xa4, 0x42};
    std::memcpy(&octets_[4], kCookie.data(), kCookie.size());
    for (std::size_t i = 0; i < 12; ++i)
      octets_[8 + i] = static_cast<std::uint8_t>((counter >> (8 * (i % 4))) + i);
  }

  TurnMessage& Bytes(stun::AttributeType type, base::Bytes value, std::uint8_t padding = 0) {
    const auto number = static_cast<std::uint16_t>(type);
    for (const std::size_t part : {std::size_t{number}, value.size()}) {
      octets_.push_back(static_cast<std::uint8_t>(part >> 8));
      octets_.push_back(static_cast<std::uint8_t>(part));
    }
    octets_.insert(octets_.end(), value.begin(), value.end());
    while (octets_.size() % 4 != 0) octets_.push_back(padding);
    FixLength();
    return *this;
  }
  TurnMessage& Text(stun::AttributeType type, std::string_view value, std::uint8_t padding = 0) {
    return Bytes(type, base::AsBytes(value), padding);
  }
  TurnMessage& Zeros(stun::AttributeType type, std::size_t count) {
    return Bytes(type, std::vector<std::uint8_t>(count));
  }
  TurnMessage& U32(stun::AttributeType type, std::uint32_t value) {
    const std::array<std::uint8_t, 4> value_octets = {
        static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
        static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    return Bytes(type, value_octets);
  }
  // One octet and three reserved ones: REQUESTED-TRANSPORT and the address families.
  TurnMessage& LeadingOctet(stun::AttributeType type, std::uint8_t value) {
    return U32(type, std::uint32_t{value} << 24);
  }
  TurnMessage& Udp() { return LeadingOctet(stun::AttributeType::kRequestedTransport, 17); }
  TurnMessage& Channel(std::uint16_t number) {
    return U32(stun::AttributeType::kChannelNumber, std::uint32_t{number} << 16);
  }
  TurnMessage& EvenPort(std::uint8_t octet) {
    return Bytes(stun::AttributeType::kEvenPort, std::array<std::uint8_t, 1>{octet});
  }
  TurnMessage& Peer(const base::Endpoint& peer) {
    return peer.address.is_v4() ? PeerV4(peer) : PeerV6(peer.address.octets(), peer.port);
  }
  // XOR-PEER-ADDRESS of family 2 with these octets, be they an IPv4-mapped address.
  TurnMessage& PeerV6(const std::array<std::uint8_t, 16>& address, std::uint16_t port) {
    return AddXored(2, address, port);
  }

  // MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 over what stands there so far.
  TurnMessage& Sign(base::Bytes key) {
    return Bytes(stun::AttributeType::kMessageIntegrity, stun::ComputeIntegrity(octets_, key));
  }
  TurnMessage& SignSha256(base::Bytes key) {
    return Bytes(stun::AttributeType::kMessageIntegritySha256,
                 stun::ComputeIntegritySha256(octets_, key));
  }
  TurnMessage& Fingerprint() {
    return U32(stun::AttributeType::kFingerprint, stun::ComputeFingerprint(octets_));
  }

  stun::TransactionId transaction_id() const {
    stun::TransactionId id;
    std::memcpy(id.data(), &octets_[8], id.size());
    return id;
  }
  TurnMessage& WithId(const stun::TransactionId& id) {
    std::memcpy(&octets_[8], id.data(), id.size());
    return *this;
  }

  std::vector<std::uint8_t>& octets() { return octets_; }
  const std::vector<std::uint8_t>& octets() const { return octets_; }

 private:
  TurnMessage& PeerV4(const base::Endpoint& peer) {
    return AddXored(1, peer.address.v4_octets(), peer.port);
  }
  TurnMessage& AddXored(std::uint8_t family, base::Bytes address, std::uint16_t port) {
    std::vector<std::uint8_t> value = {0, family, static_cast<std::uint8_t>((port >> 8) ^ 0x21),
                                       static_cast<std::uint8_t>((port & 0xff) ^ 0x12)};
    for (std::size_t i = 0; i < address.size(); ++i) value.push_back(address[i] ^ octets_[4 + i]);
    return Bytes(stun::AttributeType::kXorPeerAddress, value);
  }
  void FixLength() {
    const std::size_t length = octets_.size() - 20;
    octets_[2] = static_cast<std::uint8_t>(length >> 8);
    octets_[3] = static_cast<std::uint8_t>(length);
  }

  std::vector<std::uint8_t> octets_;
};

}  // namespace test_support
