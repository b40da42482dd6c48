#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/stun/channel_data.h"
#include "protocol/stun/error_code.h"
#include "protocol/stun/message_view.h"

// Decoders of attribute values. Each takes the value without padding and answers nullopt when it is
// malformed (wrong length, unknown family), which the caller turns into a 400 or into silence.
// Reserved bits are ignored on receipt.
namespace stun {

// An address as it stood on the wire. `wire_family` differs from `endpoint.address.family()` for an
// IPv4-mapped address in an IPv6 attribute, a spelling that filters must not overlook.
struct AddressValue {
  base::Endpoint endpoint;
  base::AddressFamily wire_family;
};

std::optional<AddressValue> DecodeAddress(base::Bytes value);  // RFC 8489 section 14.1
// RFC 8489 section 14.2; `cookie_and_transaction_id` are the message's 16 octets.
std::optional<AddressValue> DecodeXorAddress(base::Bytes value,
                                             base::Bytes cookie_and_transaction_id);

std::optional<std::uint32_t> DecodeU32(
    base::Bytes value);  // LIFETIME, CONNECTION-ID, CHANGE-REQUEST, FINGERPRINT
std::optional<ChannelNumber> DecodeChannelNumber(
    base::Bytes value);  // RFC 8656 section 18.1; the range is not checked
// RESPONSE-PORT, RFC 5780 section 7.5: the port, with or without the two octets that fill it up to
// a word.
std::optional<std::uint16_t> DecodeResponsePort(base::Bytes value);
std::optional<std::uint8_t> DecodeRequestedTransport(
    base::Bytes value);  // section 18.8: the IANA protocol number
// Section 18.6 and 18.11: the raw family octet, since an unknown family has an answer of its own.
std::optional<std::uint8_t> DecodeRequestedFamily(base::Bytes value);
std::optional<bool> DecodeEvenPort(base::Bytes value);  // section 18.7: the R bit
using ReservationToken = std::array<std::uint8_t, 8>;
std::optional<ReservationToken> DecodeReservationToken(base::Bytes value);  // section 18.10

// RFC 8489 sections 14.11 and 14.12. Parameters of known algorithms are empty.
enum class PasswordAlgorithm : std::uint16_t { kMd5 = 1, kSha256 = 2 };
struct PasswordAlgorithmEntry {
  std::uint16_t number;
  base::Bytes parameters;
};
std::optional<PasswordAlgorithmEntry> DecodePasswordAlgorithm(base::Bytes value);
// The whole registry is far shorter; a longer list is taken for an attempt to make us work and is
// nullopt, as an empty one is.
inline constexpr std::size_t kMaxPasswordAlgorithms = 16;
std::optional<std::vector<PasswordAlgorithmEntry>> DecodePasswordAlgorithms(base::Bytes value);

struct ErrorCodeValue {
  std::uint16_t code;  // class * 100 + number
  std::string_view reason;
};
std::optional<ErrorCodeValue> DecodeErrorCode(base::Bytes value);  // section 14.8
std::optional<std::vector<AttributeType>> DecodeUnknownAttributes(
    base::Bytes value);  // section 14.13

}  // namespace stun
