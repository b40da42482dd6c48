#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/base/bytes.h"

// ChannelData messages (RFC 8656 section 12.4): two octets channel number, two octets length, then
// the data.
namespace stun {

inline constexpr std::size_t kChannelDataHeaderBytes = 4;

// Not an integer, so that it cannot be swapped with a port.
struct ChannelNumber {
  std::uint16_t value = 0;
  friend constexpr auto operator<=>(const ChannelNumber&, const ChannelNumber&) = default;
};

inline constexpr ChannelNumber kFirstChannel{0x4000};
inline constexpr ChannelNumber kLastChannel{0x4fff};         // RFC 8656 section 12
inline constexpr ChannelNumber kLastChannelRfc5766{0x7ffe};  // RFC 5766 section 11

struct ChannelDataView {
  ChannelNumber channel;
  base::Bytes data;  // without padding; a view into the datagram or stream buffer
};

// One datagram, or what the stream framer cut out. Octets beyond the stated length are padding and
// are dropped; a stated length that runs past the end is nullopt. The channel number's range is not
// checked.
std::optional<ChannelDataView> ParseChannelData(base::Bytes octets);

// Writes the 4-octet header for `data_bytes` octets of data into `out`, which must have room for
// it. `data_bytes` must fit 16 bits.
void WriteChannelDataHeader(base::MutableBytes out, ChannelNumber channel, std::size_t data_bytes);

// How many zero octets follow on a stream so that the next message starts on a multiple of four
// (section 12.5).
constexpr std::size_t StreamPadding(std::size_t data_bytes) { return (4 - data_bytes % 4) % 4; }

}  // namespace stun
