#include "protocol/stun/fingerprint.h"

#include <array>
#include <cstddef>
#include <optional>

#include "protocol/base/check.h"
#include "protocol/stun/attributes.h"

namespace stun {
namespace {

constexpr std::uint32_t kFingerprintXor = 0x5354554e;
constexpr std::size_t kFingerprintAttributeBytes = 8;

// The polynomial of ITU V.42 with its bits in reverse, as a CRC that takes the lowest bit first
// needs it.
constexpr std::uint32_t kReversedPolynomial = 0xedb88320;
constexpr std::size_t kSlices = 8;
using CrcTables = std::array<std::array<std::uint32_t, 256>, kSlices>;

// Table n holds what an octet contributes when n more octets follow it, so that eight octets take
// one step.
constexpr CrcTables MakeCrcTables() {
  CrcTables tables{};
  for (std::uint32_t octet = 0; octet < 256; ++octet) {
    std::uint32_t crc = octet;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReversedPolynomial : 0);
    tables[0][octet] = crc;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t octet = 0; octet < 256; ++octet) {
      const std::uint32_t before = tables[slice - 1][octet];
      tables[slice][octet] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr CrcTables kCrcTables = MakeCrcTables();

std::uint32_t UpdateCrc(std::uint32_t crc, base::Bytes octets) {
  while (octets.size() >= kSlices) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < kSlices; ++i) {
      const std::uint32_t from_crc = i < 4 ? (crc >> (8 * i)) & 0xff : 0;
      next ^= kCrcTables[kSlices - 1 - i][octets[i] ^ from_crc];
    }
    crc = next;
    octets = octets.subspan(kSlices);
  }
  for (const std::uint8_t octet : octets) crc = (crc >> 8) ^ kCrcTables[0][(crc ^ octet) & 0xff];
  return crc;
}

}  // namespace

FingerprintCheck CheckFingerprint(const MessageView& message) {
  const std::optional<Attribute> attribute = message.Find(AttributeType::kFingerprint);
  if (!attribute) return FingerprintCheck::kAbsent;
  const std::optional<std::uint32_t> value = DecodeU32(attribute->value);
  const bool is_last = attribute->offset + kFingerprintAttributeBytes == message.octets().size();
  if (!value || !is_last) return FingerprintCheck::kBad;
  return *value == ComputeFingerprint(message.octets().first(attribute->offset))
             ? FingerprintCheck::kGood
             : FingerprintCheck::kBad;
}

std::uint32_t ComputeFingerprint(base::Bytes message_so_far) {
  CHECK(message_so_far.size() >= kHeaderBytes);
  const std::size_t length = message_so_far.size() - kHeaderBytes + kFingerprintAttributeBytes;
  const std::array<std::uint8_t, 4> start = {message_so_far[0], message_so_far[1],
                                             static_cast<std::uint8_t>(length >> 8),
                                             static_cast<std::uint8_t>(length)};
  std::uint32_t crc = UpdateCrc(0xffffffff, start);
  crc = UpdateCrc(crc, message_so_far.subspan(start.size()));
  return ~crc ^ kFingerprintXor;
}

}  // namespace stun
