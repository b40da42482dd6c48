#include "protocol/stun/attribute_type.h"

#include <array>

namespace stun {
namespace {

constexpr std::array kAllTypes = {
    AttributeType::kMappedAddress,
    AttributeType::kResponseAddress,
    AttributeType::kChangeRequest,
    AttributeType::kSourceAddress,
    AttributeType::kChangedAddress,
    AttributeType::kUsername,
    AttributeType::kPassword,
    AttributeType::kMessageIntegrity,
    AttributeType::kErrorCode,
    AttributeType::kUnknownAttributes,
    AttributeType::kReflectedFrom,
    AttributeType::kChannelNumber,
    AttributeType::kLifetime,
    AttributeType::kXorPeerAddress,
    AttributeType::kData,
    AttributeType::kRealm,
    AttributeType::kNonce,
    AttributeType::kXorRelayedAddress,
    AttributeType::kRequestedAddressFamily,
    AttributeType::kEvenPort,
    AttributeType::kRequestedTransport,
    AttributeType::kDontFragment,
    AttributeType::kAccessToken,
    AttributeType::kMessageIntegritySha256,
    AttributeType::kPasswordAlgorithm,
    AttributeType::kUserhash,
    AttributeType::kXorMappedAddress,
    AttributeType::kReservationToken,
    AttributeType::kPriority,
    AttributeType::kUseCandidate,
    AttributeType::kPadding,
    AttributeType::kResponsePort,
    AttributeType::kConnectionId,
    AttributeType::kAdditionalAddressFamily,
    AttributeType::kAddressErrorCode,
    AttributeType::kPasswordAlgorithms,
    AttributeType::kAlternateDomain,
    AttributeType::kIcmp,
    AttributeType::kSoftware,
    AttributeType::kAlternateServer,
    AttributeType::kTransactionTransmitCounter,
    AttributeType::kFingerprint,
    AttributeType::kIceControlled,
    AttributeType::kIceControlling,
    AttributeType::kResponseOrigin,
    AttributeType::kOtherAddress,
    AttributeType::kThirdPartyAuthorization,
    AttributeType::kMobilityTicket,
};

}  // namespace

std::string_view AttributeName(AttributeType type) {
  // No default: a new enumerator without a name is a compiler error.
  switch (type) {
    case AttributeType::kMappedAddress:
      return "MAPPED-ADDRESS";
    case AttributeType::kResponseAddress:
      return "RESPONSE-ADDRESS";
    case AttributeType::kChangeRequest:
      return "CHANGE-REQUEST";
    case AttributeType::kSourceAddress:
      return "SOURCE-ADDRESS";
    case AttributeType::kChangedAddress:
      return "CHANGED-ADDRESS";
    case AttributeType::kUsername:
      return "USERNAME";
    case AttributeType::kPassword:
      return "PASSWORD";
    case AttributeType::kMessageIntegrity:
      return "MESSAGE-INTEGRITY";
    case AttributeType::kErrorCode:
      return "ERROR-CODE";
    case AttributeType::kUnknownAttributes:
      return "UNKNOWN-ATTRIBUTES";
    case AttributeType::kReflectedFrom:
      return "REFLECTED-FROM";
    case AttributeType::kChannelNumber:
      return "CHANNEL-NUMBER";
    case AttributeType::kLifetime:
      return "LIFETIME";
    case AttributeType::kXorPeerAddress:
      return "XOR-PEER-ADDRESS";
    case AttributeType::kData:
      return "DATA";
    case AttributeType::kRealm:
      return "REALM";
    case AttributeType::kNonce:
      return "NONCE";
    case AttributeType::kXorRelayedAddress:
      return "XOR-RELAYED-ADDRESS";
    case AttributeType::kRequestedAddressFamily:
      return "REQUESTED-ADDRESS-FAMILY";
    case AttributeType::kEvenPort:
      return "EVEN-PORT";
    case AttributeType::kRequestedTransport:
      return "REQUESTED-TRANSPORT";
    case AttributeType::kDontFragment:
      return "DONT-FRAGMENT";
    case AttributeType::kAccessToken:
      return "ACCESS-TOKEN";
    case AttributeType::kMessageIntegritySha256:
      return "MESSAGE-INTEGRITY-SHA256";
    case AttributeType::kPasswordAlgorithm:
      return "PASSWORD-ALGORITHM";
    case AttributeType::kUserhash:
      return "USERHASH";
    case AttributeType::kXorMappedAddress:
      return "XOR-MAPPED-ADDRESS";
    case AttributeType::kReservationToken:
      return "RESERVATION-TOKEN";
    case AttributeType::kPriority:
      return "PRIORITY";
    case AttributeType::kUseCandidate:
      return "USE-CANDIDATE";
    case AttributeType::kPadding:
      return "PADDING";
    case AttributeType::kResponsePort:
      return "RESPONSE-PORT";
    case AttributeType::kConnectionId:
      return "CONNECTION-ID";
    case AttributeType::kAdditionalAddressFamily:
      return "ADDITIONAL-ADDRESS-FAMILY";
    case AttributeType::kAddressErrorCode:
      return "ADDRESS-ERROR-CODE";
    case AttributeType::kPasswordAlgorithms:
      return "PASSWORD-ALGORITHMS";
    case AttributeType::kAlternateDomain:
      return "ALTERNATE-DOMAIN";
    case AttributeType::kIcmp:
      return "ICMP";
    case AttributeType::kSoftware:
      return "SOFTWARE";
    case AttributeType::kAlternateServer:
      return "ALTERNATE-SERVER";
    case AttributeType::kTransactionTransmitCounter:
      return "TRANSACTION-TRANSMIT-COUNTER";
    case AttributeType::kFingerprint:
      return "FINGERPRINT";
    case AttributeType::kIceControlled:
      return "ICE-CONTROLLED";
    case AttributeType::kIceControlling:
      return "ICE-CONTROLLING";
    case AttributeType::kResponseOrigin:
      return "RESPONSE-ORIGIN";
    case AttributeType::kOtherAddress:
      return "OTHER-ADDRESS";
    case AttributeType::kThirdPartyAuthorization:
      return "THIRD-PARTY-AUTHORIZATION";
    case AttributeType::kMobilityTicket:
      return "MOBILITY-TICKET";
  }
  return {};
}

std::span<const AttributeType> AllAttributeTypes() { return kAllTypes; }

}  // namespace stun
