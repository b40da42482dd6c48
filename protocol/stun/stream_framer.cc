#include "protocol/stun/stream_framer.h"

#include "protocol/stun/channel_data.h"
#include "protocol/stun/demux.h"
#include "protocol/stun/message_view.h"

namespace stun {
namespace {

// Where the length field ends, in both kinds of message.
constexpr std::uint32_t kLengthEnd = 4;
constexpr std::uint32_t kCookieEnd = 8;

using Frame = StreamFramer::Frame;
using Verdict = StreamFramer::Verdict;

Frame NeedMore(std::uint32_t total_bytes) { return {Verdict::kNeedMore, 0, total_bytes}; }
Frame Invalid() { return {Verdict::kInvalid, 0, 0}; }

std::uint32_t LengthField(base::Bytes unread) {
  return static_cast<std::uint32_t>((unread[2] << 8) | unread[3]);
}

bool HasMagicCookie(base::Bytes unread) {
  return unread[4] == 0x21 && unread[5] == 0x12 && unread[6] == 0xa4 && unread[7] == 0x42;
}

Frame NextStun(base::Bytes unread) {
  if (unread.size() < kLengthEnd) return NeedMore(kLengthEnd);
  const std::uint32_t body_bytes = LengthField(unread);
  if (body_bytes % 4 != 0) return Invalid();
  if (unread.size() < kCookieEnd) return NeedMore(kCookieEnd);
  if (!HasMagicCookie(unread)) return Invalid();
  const std::uint32_t message_bytes = static_cast<std::uint32_t>(kHeaderBytes) + body_bytes;
  if (unread.size() < message_bytes) return NeedMore(message_bytes);
  return {Verdict::kMessage, message_bytes, message_bytes};
}

Frame NextChannelData(base::Bytes unread) {
  if (unread.size() < kLengthEnd) return NeedMore(kLengthEnd);
  const std::uint32_t data_bytes = LengthField(unread);
  const std::uint32_t message_bytes =
      static_cast<std::uint32_t>(kChannelDataHeaderBytes) + data_bytes;
  const std::uint32_t padded_bytes =
      message_bytes + static_cast<std::uint32_t>(StreamPadding(data_bytes));
  if (unread.size() < padded_bytes) return NeedMore(padded_bytes);
  return {Verdict::kMessage, message_bytes, padded_bytes};
}

}  // namespace

Frame StreamFramer::Next(base::Bytes unread, std::uint8_t last_channel_first_octet) {
  if (unread.empty()) return NeedMore(1);
  switch (Classify(unread, last_channel_first_octet)) {
    case PacketKind::kStun:
      return NextStun(unread);
    case PacketKind::kChannelData:
      return NextChannelData(unread);
    case PacketKind::kDtls:
    case PacketKind::kOther:
      return Invalid();
  }
  return Invalid();
}

}  // namespace stun
