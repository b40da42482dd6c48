#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/base/check.h"
#include "server/probe/websocket_codec.h"

namespace {

using relay::WebSocketFrame;

constexpr std::size_t kMaxFrameBytes = 1U << 20;

// The same frame without a mask, as servers send it.
std::vector<std::uint8_t> Unmasked(std::vector<std::uint8_t> frame, std::size_t header_bytes,
                                   const relay::WebSocketMask& mask) {
  frame[1] &= 0x7f;
  const auto payload = frame.begin() + static_cast<std::ptrdiff_t>(header_bytes);
  const auto masked = frame.erase(payload, payload + static_cast<std::ptrdiff_t>(mask.size()));
  for (std::size_t i = 0; masked + static_cast<std::ptrdiff_t>(i) != frame.end(); ++i)
    masked[static_cast<std::ptrdiff_t>(i)] ^= mask[i % mask.size()];
  return frame;
}

}  // namespace

// Any octets as what a server sends: a frame lies inside them, and fewer octets of it are judged
// no differently but for waiting. What is wrapped for a server is read again as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes octets(data, size);
  relay::IsWebSocketAccepted({reinterpret_cast<const char*>(data), size});
  base::Bytes rest = octets;
  while (const auto frame = relay::ReadWebSocketFrame(rest)) {
    CHECK(frame->header_bytes >= 2 && frame->header_bytes <= 10);
    CHECK(frame->payload_bytes <= kMaxFrameBytes);
    const std::size_t whole = frame->header_bytes + frame->payload_bytes;
    CHECK(whole <= rest.size());
    // One that nobody would read to its end is the end.
    if (frame->kind == WebSocketFrame::Kind::kClose) break;
    const auto again = relay::ReadWebSocketFrame(rest.first(whole));
    CHECK(again && again->kind == frame->kind && again->payload_bytes == frame->payload_bytes);
    CHECK(!relay::ReadWebSocketFrame(rest.first(whole - 1)));
    rest = rest.subspan(whole);
  }

  if (size < 4) return 0;
  const relay::WebSocketMask mask{data[0], data[1], data[2], data[3]};
  const base::Bytes payload = octets.subspan(4);
  const auto wrapped = relay::WrapInWebSocketFrame(payload, mask);
  const std::size_t header_bytes = wrapped.size() - payload.size() - mask.size();
  const auto plain = Unmasked(wrapped, header_bytes, mask);
  const auto read = relay::ReadWebSocketFrame(plain);
  CHECK(read && read->kind == WebSocketFrame::Kind::kData);
  CHECK(read->header_bytes == header_bytes && read->payload_bytes == payload.size());
  CHECK(std::ranges::equal(base::Bytes(plain).subspan(header_bytes), payload));
  // A server that masks is none.
  CHECK(relay::ReadWebSocketFrame(wrapped)->kind == WebSocketFrame::Kind::kClose);
  return 0;
}
