#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// Views over octets. A view never owns; it is a parameter or a local, not a member, except inside a
// packet batch.
namespace base {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

// The characters of `text` as octets; valid as long as `text` is.
inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// The octets as characters, unchecked; valid as long as `bytes` is.
inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace base
