#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/stun/channel_data.h"
#include "protocol/stun/demux.h"
#include "protocol/stun/message_view.h"
#include "protocol/stun/stream_framer.h"

// The first octet chooses a segment size and a channel range, the others are a stream. It is framed
// once whole and once in segments; both must give the same messages.
namespace {

using Verdict = stun::StreamFramer::Verdict;

struct Framing {
  std::vector<std::uint32_t> consumed;
  bool is_valid = true;

  friend bool operator==(const Framing&, const Framing&) = default;
};

void CheckMessage(base::Bytes octets) {
  if (stun::Classify(octets, 0x7f) == stun::PacketKind::kStun) {
    stun::ParseError error{};
    // The framer has seen to everything but the attributes.
    CHECK(stun::MessageView::Parse(octets, &error) || error == stun::ParseError::kBadAttributes);
  } else {
    const std::optional<stun::ChannelDataView> message = stun::ParseChannelData(octets);
    CHECK(message && message->data.size() + stun::kChannelDataHeaderBytes == octets.size());
  }
}

Framing Frame(base::Bytes stream, std::size_t segment, std::uint8_t last_channel_first_octet) {
  Framing framing;
  std::size_t dropped = 0;
  std::size_t received = 0;
  while (true) {
    const base::Bytes unread = stream.subspan(dropped, received - dropped);
    const auto frame = stun::StreamFramer::Next(unread, last_channel_first_octet);
    switch (frame.verdict) {
      case Verdict::kMessage:
        CHECK(frame.message_bytes >= 4 && frame.message_bytes <= frame.consumed_bytes);
        CHECK(frame.consumed_bytes <= unread.size() && frame.consumed_bytes % 4 == 0);
        CheckMessage(unread.first(frame.message_bytes));
        framing.consumed.push_back(frame.consumed_bytes);
        dropped += frame.consumed_bytes;
        break;
      case Verdict::kNeedMore:
        CHECK(frame.consumed_bytes > unread.size());
        CHECK(frame.consumed_bytes <= stun::StreamFramer::kMaxFrameBytes);
        if (received == stream.size()) return framing;
        received = std::min(received + segment, stream.size());
        break;
      case Verdict::kInvalid:
        framing.is_valid = false;
        return framing;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t segment = std::size_t{1} + (data[0] & 0x7f);
  const std::uint8_t last_channel_first_octet = (data[0] & 0x80) != 0 ? 0x7f : 0x4f;
  const base::Bytes stream(data + 1, size - 1);
  CHECK(Frame(stream, segment, last_channel_first_octet) ==
        Frame(stream, std::max<std::size_t>(stream.size(), 1), last_channel_first_octet));
  return 0;
}
