#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"

namespace stun {

// Cuts a byte stream (TCP, TLS, WSS) into STUN messages and ChannelData (RFC 8656 section 12.5, RFC
// 8489 section 6.2.2). It keeps no octets: the caller shows the unread part of its receive buffer
// and is told how many belong to the next message. Lengths are 32-bit sums, so that 0xffff octets
// of ChannelData, their header and padding do not wrap.
class StreamFramer {
 public:
  enum class Verdict : std::uint8_t {
    kMessage,   // `message_bytes` octets are the next message; `consumed_bytes` (with padding) can
                // be dropped after it
    kNeedMore,  // show at least `consumed_bytes` octets before asking again
    kInvalid,   // the stream cannot be followed any further: close it
  };
  struct Frame {
    Verdict verdict;
    std::uint32_t message_bytes;
    std::uint32_t consumed_bytes;
  };

  // The largest number of octets that a caller must be able to hold for one message: ChannelData of
  // 65,535 octets with header and padding, or a STUN message with its header.
  static constexpr std::uint32_t kMaxFrameBytes = 65536 + 20;

  // Looks at the front of `unread`. ChannelData whose padding has not arrived yet is kNeedMore: the
  // padding belongs to it. `last_channel_first_octet` as in Classify.
  static Frame Next(base::Bytes unread, std::uint8_t last_channel_first_octet = 0x4f);
};

}  // namespace stun
