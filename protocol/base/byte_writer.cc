#include "protocol/base/byte_writer.h"

#include <cstring>

#include "protocol/base/check.h"

namespace base {

bool ByteWriter::Reserve(std::size_t count) {
  if (count > buffer_.size() - used_) ok_ = false;
  return ok_;
}

void ByteWriter::WriteU8(std::uint8_t value) {
  if (!Reserve(1)) return;
  buffer_[used_++] = value;
}

void ByteWriter::WriteU16(std::uint16_t value) {
  if (!Reserve(2)) return;
  buffer_[used_] = static_cast<std::uint8_t>(value >> 8);
  buffer_[used_ + 1] = static_cast<std::uint8_t>(value);
  used_ += 2;
}

void ByteWriter::WriteU32(std::uint32_t value) {
  if (!Reserve(4)) return;
  for (std::size_t i = 0; i < 4; ++i) {
    buffer_[used_ + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  }
  used_ += 4;
}

void ByteWriter::WriteU64(std::uint64_t value) {
  if (!Reserve(8)) return;
  for (std::size_t i = 0; i < 8; ++i) {
    buffer_[used_ + i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
  }
  used_ += 8;
}

void ByteWriter::WriteBytes(Bytes bytes) {
  if (!Reserve(bytes.size()) || bytes.empty()) return;
  std::memcpy(buffer_.data() + used_, bytes.data(), bytes.size());
  used_ += bytes.size();
}

void ByteWriter::WriteZeros(std::size_t count) {
  if (!Reserve(count) || count == 0) return;
  std::memset(buffer_.data() + used_, 0, count);
  used_ += count;
}

void ByteWriter::PatchU16(std::size_t position, std::uint16_t value) {
  if (!ok_) return;
  CHECK(used_ >= 2 && position <= used_ - 2);
  buffer_[position] = static_cast<std::uint8_t>(value >> 8);
  buffer_[position + 1] = static_cast<std::uint8_t>(value);
}

}  // namespace base
