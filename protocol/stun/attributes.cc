#include "protocol/stun/attributes.h"

#include <algorithm>

#include "protocol/base/byte_reader.h"
#include "protocol/base/check.h"

namespace stun {
namespace {

constexpr std::size_t kMaxReasonBytes = 763;  // what a reader must be able to take, section 14.8

// `mask` has at least 16 octets. All zeros for an address that is not xored.
std::optional<AddressValue> DecodeMaskedAddress(base::Bytes value, base::Bytes mask) {
  base::ByteReader reader(value);
  reader.Skip(1);
  const std::uint8_t family = reader.ReadU8();
  const auto port_mask = static_cast<std::uint16_t>((mask[0] << 8) | mask[1]);
  const auto port = static_cast<std::uint16_t>(reader.ReadU16() ^ port_mask);
  if (!reader.ok()) return std::nullopt;

  const base::Bytes address = reader.rest();
  if (family == static_cast<std::uint8_t>(base::AddressFamily::kIpv4) && address.size() == 4) {
    std::array<std::uint8_t, 4> octets;
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = address[i] ^ mask[i];
    return AddressValue{{base::IpAddress::FromV4(octets), port}, base::AddressFamily::kIpv4};
  }
  if (family == static_cast<std::uint8_t>(base::AddressFamily::kIpv6) && address.size() == 16) {
    std::array<std::uint8_t, 16> octets;
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = address[i] ^ mask[i];
    return AddressValue{{base::IpAddress::FromV6(octets), port}, base::AddressFamily::kIpv6};
  }
  return std::nullopt;
}

// Four octets of which the first is the value and the others are reserved.
std::optional<std::uint8_t> DecodeLeadingOctet(base::Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return value[0];
}

// One algorithm. The padding behind the last parameters of an attribute may be counted in it or be
// that of the attribute itself, so it may be missing here.
std::optional<PasswordAlgorithmEntry> ReadPasswordAlgorithm(base::ByteReader& reader) {
  const std::uint16_t number = reader.ReadU16();
  const std::uint16_t parameter_bytes = reader.ReadU16();
  const base::Bytes parameters = reader.ReadBytes(parameter_bytes);
  if (!reader.ok()) return std::nullopt;
  reader.Skip(std::min(reader.remaining(), StreamPadding(parameter_bytes)));
  return PasswordAlgorithmEntry{number, parameters};
}

}  // namespace

std::optional<AddressValue> DecodeAddress(base::Bytes value) {
  static constexpr std::array<std::uint8_t, 16> kNoMask{};
  return DecodeMaskedAddress(value, kNoMask);
}

std::optional<AddressValue> DecodeXorAddress(base::Bytes value,
                                             base::Bytes cookie_and_transaction_id) {
  CHECK(cookie_and_transaction_id.size() == 16);
  return DecodeMaskedAddress(value, cookie_and_transaction_id);
}

std::optional<std::uint32_t> DecodeU32(base::Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return base::ByteReader(value).ReadU32();
}

std::optional<ChannelNumber> DecodeChannelNumber(base::Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return ChannelNumber{base::ByteReader(value).ReadU16()};
}

std::optional<std::uint16_t> DecodeResponsePort(base::Bytes value) {
  if (value.size() != 2 && value.size() != 4) return std::nullopt;
  return base::ByteReader(value).ReadU16();
}

std::optional<std::uint8_t> DecodeRequestedTransport(base::Bytes value) {
  return DecodeLeadingOctet(value);
}

std::optional<std::uint8_t> DecodeRequestedFamily(base::Bytes value) {
  return DecodeLeadingOctet(value);
}

std::optional<bool> DecodeEvenPort(base::Bytes value) {
  if (value.size() != 1) return std::nullopt;
  return (value[0] & 0x80) != 0;
}

std::optional<ReservationToken> DecodeReservationToken(base::Bytes value) {
  ReservationToken token;
  if (value.size() != token.size()) return std::nullopt;
  std::copy(value.begin(), value.end(), token.begin());
  return token;
}

std::optional<PasswordAlgorithmEntry> DecodePasswordAlgorithm(base::Bytes value) {
  base::ByteReader reader(value);
  const std::optional<PasswordAlgorithmEntry> entry = ReadPasswordAlgorithm(reader);
  if (!entry || reader.remaining() != 0) return std::nullopt;
  return entry;
}

std::optional<std::vector<PasswordAlgorithmEntry>> DecodePasswordAlgorithms(base::Bytes value) {
  if (value.empty()) return std::nullopt;
  std::vector<PasswordAlgorithmEntry> entries;
  base::ByteReader reader(value);
  while (reader.remaining() != 0) {
    const std::optional<PasswordAlgorithmEntry> entry = ReadPasswordAlgorithm(reader);
    if (!entry || entries.size() == kMaxPasswordAlgorithms) return std::nullopt;
    entries.push_back(*entry);
  }
  return entries;
}

std::optional<ErrorCodeValue> DecodeErrorCode(base::Bytes value) {
  base::ByteReader reader(value);
  reader.Skip(2);
  const int error_class = reader.ReadU8() & 0x07;
  const int number = reader.ReadU8();
  if (!reader.ok() || error_class < 3 || error_class > 6 || number > 99) return std::nullopt;
  if (reader.remaining() > kMaxReasonBytes) return std::nullopt;
  return ErrorCodeValue{static_cast<std::uint16_t>(error_class * 100 + number),
                        base::AsText(reader.rest())};
}

std::optional<std::vector<AttributeType>> DecodeUnknownAttributes(base::Bytes value) {
  if (value.size() % 2 != 0) return std::nullopt;
  std::vector<AttributeType> types;
  types.reserve(value.size() / 2);
  base::ByteReader reader(value);
  while (reader.remaining() != 0) types.push_back(static_cast<AttributeType>(reader.ReadU16()));
  return types;
}

}  // namespace stun
