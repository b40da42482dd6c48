#include "protocol/stun/icmp.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"
#include "protocol/base/check.h"

namespace stun {
namespace {

constexpr int kCodeBits = 9;
constexpr std::uint16_t kCodeMask = (1 << kCodeBits) - 1;

}  // namespace

std::array<std::uint8_t, 8> EncodeIcmp(const IcmpValue& value) {
  CHECK(value.type < 128);
  std::array<std::uint8_t, 8> octets;
  base::ByteWriter writer(octets);
  writer.WriteU16(0);
  writer.WriteU16(static_cast<std::uint16_t>((value.type << kCodeBits) | value.code));
  writer.WriteU32(value.data);
  return octets;
}

std::optional<IcmpValue> DecodeIcmp(base::Bytes value) {
  if (value.size() != 8) return std::nullopt;
  base::ByteReader reader(value);
  reader.Skip(2);
  const std::uint16_t type_and_code = reader.ReadU16();
  return IcmpValue{static_cast<std::uint8_t>(type_and_code >> kCodeBits),
                   static_cast<std::uint8_t>(type_and_code & kCodeMask), reader.ReadU32()};
}

}  // namespace stun
