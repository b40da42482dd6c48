#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"

namespace base {

// Writes octets in network order into a buffer that the caller owns. It never writes past the end:
// the first write that would makes ok() false for good and writes nothing.
class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes buffer) : buffer_(buffer) {}

  void WriteU8(std::uint8_t value);
  void WriteU16(std::uint16_t value);
  void WriteU32(std::uint32_t value);
  void WriteU64(std::uint64_t value);
  void WriteBytes(Bytes bytes);
  void WriteZeros(std::size_t count);
  // Overwrites two octets that were written before; `position` counts from the start of the buffer.
  void PatchU16(std::size_t position, std::uint16_t value);

  bool ok() const { return ok_; }
  std::size_t size() const { return used_; }
  MutableBytes written() const { return buffer_.first(used_); }

 private:
  bool Reserve(std::size_t count);

  MutableBytes buffer_;
  std::size_t used_ = 0;
  bool ok_ = true;
};

}  // namespace base
