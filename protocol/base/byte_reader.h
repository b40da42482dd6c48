#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"

namespace base {

// A cursor over octets in network order. It never reads past the end: the first read that would
// makes ok() false for good, and every read from then on returns zero or an empty view. So a parser
// reads on and asks once.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  std::uint8_t ReadU8();
  std::uint16_t ReadU16();
  std::uint32_t ReadU32();
  std::uint64_t ReadU64();
  Bytes ReadBytes(std::size_t count);  // a view into the original octets
  void Skip(std::size_t count);

  bool ok() const { return ok_; }
  std::size_t remaining() const { return rest_.size(); }
  Bytes rest() const { return rest_; }

 private:
  Bytes rest_;
  bool ok_ = true;
};

}  // namespace base
