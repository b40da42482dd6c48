#include "protocol/base/byte_reader.h"

namespace base {

Bytes ByteReader::ReadBytes(std::size_t count) {
  if (count > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const Bytes taken = rest_.first(count);
  rest_ = rest_.subspan(count);
  return taken;
}

std::uint8_t ByteReader::ReadU8() {
  const Bytes taken = ReadBytes(1);
  return taken.empty() ? std::uint8_t{0} : taken[0];
}

std::uint16_t ByteReader::ReadU16() {
  const Bytes taken = ReadBytes(2);
  if (taken.empty()) return 0;
  return static_cast<std::uint16_t>((taken[0] << 8) | taken[1]);
}

std::uint32_t ByteReader::ReadU32() {
  const Bytes taken = ReadBytes(4);
  std::uint32_t value = 0;
  for (const std::uint8_t octet : taken) value = (value << 8) | octet;
  return value;
}

std::uint64_t ByteReader::ReadU64() {
  const Bytes taken = ReadBytes(8);
  std::uint64_t value = 0;
  for (const std::uint8_t octet : taken) value = (value << 8) | octet;
  return value;
}

void ByteReader::Skip(std::size_t count) { ReadBytes(count); }

}  // namespace base
