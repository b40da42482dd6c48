#include "server/net/turn_stream.h"

#include <algorithm>

#include "protocol/stun/demux.h"
#include "protocol/stun/stream_framer.h"
#include "server/net/stream_output.h"
#include "server/net/stream_service.h"

namespace relay {

TurnStream::TurnStream(StreamService& service, const StreamOutput& output,
                       const turn::Client& client, base::MonotonicTime now)
    : service_(service), output_(output), client_(client), liveness_(now) {}

bool TurnStream::HasToWait() const {
  return is_on_hold_ || output_.control_bytes() > kMaxWaitingControl;
}

void TurnStream::Release() {
  is_on_hold_ = false;
  is_held_back_ = !partial_.empty();
}

void TurnStream::Begin(std::vector<std::uint8_t> unread, bool had_valid_message) {
  if (had_valid_message) liveness_.OnValidMessage();
  partial_ = std::move(unread);
  partial_since_ = service_.now().monotonic;
  is_held_back_ = !partial_.empty();
}

bool TurnStream::Resume() {
  Room();
  return Received(0);
}

base::MutableBytes TurnStream::Room() {
  const base::MutableBytes scratch = service_.scratch();
  std::copy(partial_.begin(), partial_.end(), scratch.begin());
  return scratch.subspan(partial_.size(), kReadBytes);
}

bool TurnStream::Received(std::size_t bytes) {
  const base::Bytes octets = service_.scratch().first(partial_.size() + bytes);
  std::size_t consumed = 0;
  is_held_back_ = false;
  const bool is_sound = HandleMessages(octets, consumed);
  service_.Flush();  // before the scratch buffer is used again
  if (!is_sound) return false;
  const base::Bytes rest = octets.subspan(consumed);
  if (rest.empty()) {
    partial_ = {};
  } else {
    if (consumed > 0 || partial_.empty()) partial_since_ = service_.now().monotonic;
    // Nobody keeps the room of a long message with a short one.
    if (partial_.capacity() > 4 * rest.size()) partial_ = {};
    partial_.assign(rest.begin(), rest.end());
  }
  return true;
}

bool TurnStream::HandleMessages(base::Bytes octets, std::size_t& consumed) {
  while (!is_stopped_) {
    const base::Bytes unread = octets.subspan(consumed);
    if (HasToWait() && !unread.empty()) {
      is_held_back_ = true;
      return true;
    }
    // A stream begins with a request: letters there are HTTP, which would pass for the start of
    // ChannelData.
    if (!liveness_.had_valid_message() && !unread.empty() &&
        stun::Classify(unread) != stun::PacketKind::kStun)
      return false;
    const auto frame = stun::StreamFramer::Next(unread, service_.last_channel_first_octet());
    if (frame.verdict == stun::StreamFramer::Verdict::kNeedMore) return true;
    if (frame.verdict == stun::StreamFramer::Verdict::kInvalid) return false;
    const base::Bytes message = unread.first(frame.message_bytes);
    consumed += frame.consumed_bytes;
    liveness_.OnMessage(service_.now().monotonic);
    if (stun::Classify(message, service_.last_channel_first_octet()) ==
        stun::PacketKind::kChannelData) {
      service_.OnChannelData(client_, message);
      continue;
    }
    if (service_.OnMessage(client_, message)) {
      liveness_.OnValidMessage();
      invalid_in_a_row_ = 0;
    } else if (++invalid_in_a_row_ >= kMaxInvalidInARow) {
      return false;
    }
  }
  return true;
}

bool TurnStream::IsOverdue(base::MonotonicTime now) const {
  const bool is_stuck =
      !partial_.empty() && !is_held_back_ && now - partial_since_ > kPartialMessageTimeout;
  return liveness_.IsOverdue(now) || (liveness_.had_valid_message() && is_stuck);
}

}  // namespace relay
