#include "server/probe/websocket_codec.h"

#include "protocol/base/crypto.h"

namespace relay {
namespace {

constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::uint8_t kBinary = 2;
constexpr std::uint8_t kCloseOpcode = 8;
constexpr std::uint8_t kSixteenBits = 126;
constexpr std::uint8_t kSixtyFourBits = 127;
constexpr std::size_t kMaxFrameBytes = 1U << 20;

std::uint8_t OctetOf(std::size_t number, int shift) {
  return static_cast<std::uint8_t>(number >> shift);
}

}  // namespace

std::string WebSocketRequest(std::string_view host, base::Bytes key) {
  std::string request = "GET /turn HTTP/1.1\r\nHost: ";
  request.append(host);
  request += "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
  request += "Sec-WebSocket-Protocol: turn\r\nSec-WebSocket-Key: " + base::Base64Encode(key);
  return request + "\r\n\r\n";
}

bool IsWebSocketAccepted(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\n");
}

std::vector<std::uint8_t> WrapInWebSocketFrame(base::Bytes payload, const WebSocketMask& mask) {
  std::vector<std::uint8_t> frame{static_cast<std::uint8_t>(kFinal | kBinary)};
  const std::size_t size = payload.size();
  if (size < kSixteenBits) {
    frame.push_back(static_cast<std::uint8_t>(kMasked | size));
  } else if (size <= 0xffff) {
    frame.insert(frame.end(), {static_cast<std::uint8_t>(kMasked | kSixteenBits), OctetOf(size, 8),
                               OctetOf(size, 0)});
  } else {
    frame.push_back(static_cast<std::uint8_t>(kMasked | kSixtyFourBits));
    for (int shift = 56; shift >= 0; shift -= 8) frame.push_back(OctetOf(size, shift));
  }
  frame.insert(frame.end(), mask.begin(), mask.end());
  for (std::size_t i = 0; i < size; ++i)
    frame.push_back(static_cast<std::uint8_t>(payload[i] ^ mask[i % mask.size()]));
  return frame;
}

std::optional<WebSocketFrame> ReadWebSocketFrame(base::Bytes octets) {
  if (octets.size() < 2) return std::nullopt;
  const int opcode = octets[0] & 0x0f;
  WebSocketFrame frame;
  frame.kind = opcode == kCloseOpcode ? WebSocketFrame::Kind::kClose
               : opcode <= kBinary    ? WebSocketFrame::Kind::kData
                                      : WebSocketFrame::Kind::kOther;
  const std::uint8_t length = octets[1] & 0x7f;
  // A server masks nothing (section 5.1), and what is longer than any message is no frame of ours.
  if ((octets[1] & kMasked) != 0) return WebSocketFrame{WebSocketFrame::Kind::kClose, 2, 0};
  const std::size_t further = length == kSixtyFourBits ? 8 : length == kSixteenBits ? 2 : 0;
  frame.header_bytes = 2 + further;
  if (octets.size() < frame.header_bytes) return std::nullopt;
  frame.payload_bytes = further == 0 ? length : 0;
  for (std::size_t i = 0; i < further; ++i)
    frame.payload_bytes = frame.payload_bytes << 8 | octets[2 + i];
  if (frame.payload_bytes > kMaxFrameBytes)
    return WebSocketFrame{WebSocketFrame::Kind::kClose, 2, 0};
  if (octets.size() - frame.header_bytes < frame.payload_bytes) return std::nullopt;
  return frame;
}

}  // namespace relay
