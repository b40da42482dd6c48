#pragma once

#include <cstdint>
#include <span>
#include <string_view>

// The STUN attribute registry as far as a STUN/TURN server meets it.
namespace stun {

enum class AttributeType : std::uint16_t {
  kMappedAddress = 0x0001,
  kResponseAddress = 0x0002,  // RFC 3489 only
  kChangeRequest = 0x0003,    // RFC 5780
  kSourceAddress = 0x0004,    // RFC 3489 only
  kChangedAddress = 0x0005,   // RFC 3489 only
  kUsername = 0x0006,
  kPassword = 0x0007,  // RFC 3489 only
  kMessageIntegrity = 0x0008,
  kErrorCode = 0x0009,
  kUnknownAttributes = 0x000a,
  kReflectedFrom = 0x000b,  // RFC 3489 only
  kChannelNumber = 0x000c,
  kLifetime = 0x000d,
  kXorPeerAddress = 0x0012,
  kData = 0x0013,
  kRealm = 0x0014,
  kNonce = 0x0015,
  kXorRelayedAddress = 0x0016,
  kRequestedAddressFamily = 0x0017,
  kEvenPort = 0x0018,
  kRequestedTransport = 0x0019,
  kDontFragment = 0x001a,
  kAccessToken = 0x001b,  // RFC 7635
  kMessageIntegritySha256 = 0x001c,
  kPasswordAlgorithm = 0x001d,
  kUserhash = 0x001e,
  kXorMappedAddress = 0x0020,
  kReservationToken = 0x0022,
  kPriority = 0x0024,      // RFC 8445
  kUseCandidate = 0x0025,  // RFC 8445
  kPadding = 0x0026,       // RFC 5780
  kResponsePort = 0x0027,  // RFC 5780
  kConnectionId = 0x002a,  // RFC 6062
  kAdditionalAddressFamily = 0x8000,
  kAddressErrorCode = 0x8001,
  kPasswordAlgorithms = 0x8002,
  kAlternateDomain = 0x8003,
  kIcmp = 0x8004,
  kSoftware = 0x8022,
  kAlternateServer = 0x8023,
  kTransactionTransmitCounter = 0x8025,  // RFC 7982
  kFingerprint = 0x8028,
  kIceControlled = 0x8029,            // RFC 8445
  kIceControlling = 0x802a,           // RFC 8445
  kResponseOrigin = 0x802b,           // RFC 5780
  kOtherAddress = 0x802c,             // RFC 5780
  kThirdPartyAuthorization = 0x802e,  // RFC 7635
  kMobilityTicket = 0x8030,           // RFC 8016
};

// RFC 8489 section 14: the lower half of the number space must be understood or refused.
constexpr bool IsComprehensionRequired(AttributeType type) {
  return static_cast<std::uint16_t>(type) < 0x8000;
}

// "XOR-PEER-ADDRESS" and so on; empty for a number that is not in the enumeration.
std::string_view AttributeName(AttributeType type);

// Every enumerator, in order of number; for tests and documentation.
std::span<const AttributeType> AllAttributeTypes();

}  // namespace stun
