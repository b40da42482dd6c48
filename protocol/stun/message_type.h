#pragma once

#include <cstdint>
#include <string_view>

// The 14-bit STUN message type: a method and a class, interleaved (RFC 8489 section 5).
namespace stun {

enum class Method : std::uint16_t {
  kBinding = 0x001,   // RFC 8489
  kAllocate = 0x003,  // RFC 8656, and so the next five
  kRefresh = 0x004,
  kSend = 0x006,
  kData = 0x007,
  kCreatePermission = 0x008,
  kChannelBind = 0x009,
  kConnect = 0x00a,  // RFC 6062, and so the next two
  kConnectionBind = 0x00b,
  kConnectionAttempt = 0x00c,
};

enum class MessageClass : std::uint8_t { kRequest = 0, kIndication = 1, kSuccess = 2, kError = 3 };

struct MessageType {
  Method method;  // any 12-bit value may occur; unknown ones are not errors here
  MessageClass message_class;

  friend bool operator==(const MessageType&, const MessageType&) = default;
};

// `wire` must have its two top bits clear; they are ignored.
constexpr MessageType DecodeMessageType(std::uint16_t wire) {
  const auto method =
      static_cast<std::uint16_t>((wire & 0x000f) | ((wire >> 1) & 0x0070) | ((wire >> 2) & 0x0f80));
  const auto message_class = static_cast<std::uint8_t>(((wire >> 4) & 1) | ((wire >> 7) & 2));
  return {static_cast<Method>(method), static_cast<MessageClass>(message_class)};
}

constexpr std::uint16_t EncodeMessageType(MessageType type) {
  const auto method = static_cast<std::uint16_t>(type.method);
  const auto message_class = static_cast<std::uint16_t>(type.message_class);
  return static_cast<std::uint16_t>((method & 0x000f) | ((method & 0x0070) << 1) |
                                    ((method & 0x0f80) << 2) | ((message_class & 1) << 4) |
                                    ((message_class & 2) << 7));
}

// "binding", "allocate", ... in snake case as metrics have it; "unknown" for others.
std::string_view MethodName(Method method);

}  // namespace stun
