#include "server/probe/client_transport.h"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/base/random.h"
#include "protocol/stun/channel_data.h"
#include "protocol/stun/demux.h"
#include "protocol/stun/stream_framer.h"
#include "server/probe/octet_channel.h"
#include "server/probe/websocket_codec.h"

namespace relay {
namespace {

using Message = std::vector<std::uint8_t>;
using Received = base::Result<std::optional<Message>>;

constexpr std::size_t kReadBytes = 65536;
constexpr std::size_t kMaxAnswerBytes = 16384;

// A datagram is a message.
class DatagramTransport final : public ClientTransport {
 public:
  explicit DatagramTransport(OctetChannel channel) : channel_(std::move(channel)) {}

  base::Result<void> Send(base::Bytes message, base::MonotonicTime deadline) override {
    return channel_.Write(message, deadline);
  }

  Received Receive(base::MonotonicTime deadline) override {
    Message message(kReadBytes);
    const auto got = channel_.Read(message, deadline);
    if (!got.ok()) return got.error();
    if (got.value() == 0) return std::optional<Message>();
    message.resize(got.value());
    return std::optional<Message>(std::move(message));
  }

 private:
  OctetChannel channel_;
};

// Messages side by side (RFC 8656 section 12.5), as they are or in WebSocket frames.
class StreamTransport final : public ClientTransport {
 public:
  explicit StreamTransport(OctetChannel channel) : channel_(std::move(channel)) {}

  base::Result<void> Upgrade(const std::string& host, base::MonotonicTime deadline) {
    std::array<std::uint8_t, 16> key;
    random_.Fill(key);
    const std::string request = WebSocketRequest(host, key);
    if (const auto sent = channel_.Write(base::AsBytes(request), deadline); !sent.ok())
      return sent.error();
    while (true) {
      const std::string_view text = base::AsText(raw_);
      if (const std::size_t end = text.find("\r\n\r\n"); end != std::string_view::npos) {
        const std::string answer(text.substr(0, end + 4));
        if (!IsWebSocketAccepted(answer)) {
          return base::Error{"the WebSocket is refused: " + answer.substr(0, answer.find('\r'))};
        }
        raw_.erase(raw_.begin(), raw_.begin() + static_cast<std::ptrdiff_t>(end + 4));
        is_websocket_ = true;
        return {};
      }
      if (raw_.size() > kMaxAnswerBytes) return base::Error{"the WebSocket's answer has no end"};
      const auto got = ReadMore(deadline);
      if (!got.ok()) return got.error();
      if (!got.value()) return base::Error{"WebSocket upgrade: no answer in time"};
    }
  }

  base::Result<void> Send(base::Bytes message, base::MonotonicTime deadline) override {
    Message octets(message.begin(), message.end());
    if (stun::Classify(message) == stun::PacketKind::kChannelData)
      octets.resize(octets.size() + stun::StreamPadding(octets.size()));
    if (is_websocket_) {
      WebSocketMask mask;
      random_.Fill(mask);
      octets = WrapInWebSocketFrame(octets, mask);
    }
    return channel_.Write(octets, deadline);
  }

  Received Receive(base::MonotonicTime deadline) override {
    while (true) {
      if (const auto moved = TakeFrames(); !moved.ok()) return moved.error();
      Message& unread = is_websocket_ ? content_ : raw_;
      const auto frame = stun::StreamFramer::Next(unread);
      if (frame.verdict == stun::StreamFramer::Verdict::kInvalid)
        return base::Error{"what the server sends is neither STUN nor ChannelData"};
      if (frame.verdict == stun::StreamFramer::Verdict::kMessage) {
        const auto begin = unread.begin();
        Message message(begin, begin + frame.message_bytes);
        unread.erase(begin, begin + frame.consumed_bytes);
        return std::optional<Message>(std::move(message));
      }
      const auto got = ReadMore(deadline);
      if (!got.ok()) return got.error();
      if (!got.value()) return std::optional<Message>();
    }
  }

 private:
  // False: nothing came in time.
  base::Result<bool> ReadMore(base::MonotonicTime deadline) {
    std::array<std::uint8_t, kReadBytes> piece;
    const auto got = channel_.Read(piece, deadline);
    if (!got.ok()) return got.error();
    raw_.insert(raw_.end(), piece.begin(),
                piece.begin() + static_cast<std::ptrdiff_t>(got.value()));
    return got.value() > 0;
  }

  // What whole frames hold goes to where messages are looked for.
  base::Result<void> TakeFrames() {
    if (!is_websocket_) return {};
    while (const auto frame = ReadWebSocketFrame(raw_)) {
      if (frame->kind == WebSocketFrame::Kind::kClose)
        return base::Error{"the server has closed the WebSocket"};
      const auto payload = raw_.begin() + static_cast<std::ptrdiff_t>(frame->header_bytes);
      const auto end = payload + static_cast<std::ptrdiff_t>(frame->payload_bytes);
      if (frame->kind == WebSocketFrame::Kind::kData) content_.insert(content_.end(), payload, end);
      raw_.erase(raw_.begin(), end);
    }
    return {};
  }

  OctetChannel channel_;
  base::OsRandom random_;
  bool is_websocket_ = false;
  Message raw_;
  Message content_;  // of WebSocket frames
};

}  // namespace

std::string_view ToString(ProbeTransport transport) {
  switch (transport) {
    case ProbeTransport::kUdp:
      return "udp";
    case ProbeTransport::kTcp:
      return "tcp";
    case ProbeTransport::kTls:
      return "tls";
    case ProbeTransport::kDtls:
      return "dtls";
    case ProbeTransport::kWebSocket:
      break;
  }
  return "wss";
}

base::Result<std::unique_ptr<ClientTransport>> ClientTransport::Open(ProbeTransport transport,
                                                                     const base::Endpoint& server,
                                                                     const std::string& server_name,
                                                                     base::MonotonicTime deadline) {
  const bool is_datagram = transport == ProbeTransport::kUdp || transport == ProbeTransport::kDtls;
  const bool is_clear = transport == ProbeTransport::kUdp || transport == ProbeTransport::kTcp;
  auto channel =
      OctetChannel::Open(is_datagram ? OctetChannel::Kind::kDatagram : OctetChannel::Kind::kStream,
                         is_clear ? OctetChannel::Security::kClear : OctetChannel::Security::kTls,
                         server, server_name, deadline);
  if (!channel.ok()) return channel.error();
  if (is_datagram) {
    return std::unique_ptr<ClientTransport>(
        std::make_unique<DatagramTransport>(std::move(channel).value()));
  }
  auto stream = std::make_unique<StreamTransport>(std::move(channel).value());
  if (transport == ProbeTransport::kWebSocket) {
    const std::string host = server_name.empty() ? server.ToString() : server_name;
    if (const auto upgraded = stream->Upgrade(host, deadline); !upgraded.ok())
      return upgraded.error();
  }
  return std::unique_ptr<ClientTransport>(std::move(stream));
}

}  // namespace relay
