#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/ip_address.h"
#include "protocol/stun/attributes.h"
#include "protocol/stun/integrity.h"
#include "protocol/stun/message_view.h"
#include "protocol/stun/message_writer.h"
#include "tests/support/udp_socket.h"

namespace test_support {

// A TURN client over a real UDP socket, as small as tests of the server's sockets need it:
// long-term credentials with MD5, one request at a time. What the protocol demands of a server is
// tested elsewhere.
class UdpTurnClient {
 public:
  UdpTurnClient(const base::Endpoint& server, std::string username, std::string password)
      : server_(server), username_(std::move(username)), password_(std::move(password)) {}

  // The relayed transport address; nullopt on any failure.
  std::optional<base::Endpoint> Allocate() {
    const auto add_transport = [](stun::MessageWriter& writer) {
      writer.AddU32(stun::AttributeType::kRequestedTransport, 17u << 24);
    };
    const std::string challenge = Exchange(stun::Method::kAllocate, add_transport);
    const auto view = stun::MessageView::Parse(base::AsBytes(challenge));
    if (!view || !view->Has(stun::AttributeType::kNonce)) return std::nullopt;
    realm_ = base::AsText(view->Find(stun::AttributeType::kRealm)->value);
    nonce_ = base::AsText(view->Find(stun::AttributeType::kNonce)->value);
    const std::string answer = Exchange(stun::Method::kAllocate, add_transport);
    const auto success = stun::MessageView::Parse(base::AsBytes(answer));
    if (!success || success->message_class() != stun::MessageClass::kSuccess) return std::nullopt;
    const auto relayed = success->Find(stun::AttributeType::kXorRelayedAddress);
    return stun::DecodeXorAddress(relayed->value, success->cookie_and_transaction_id())->endpoint;
  }

  bool CreatePermission(const base::Endpoint& peer) {
    return Succeeds(stun::Method::kCreatePermission, [&](stun::MessageWriter& writer) {
      writer.AddXorAddress(stun::AttributeType::kXorPeerAddress, peer);
    });
  }
  bool ChannelBind(std::uint16_t channel, const base::Endpoint& peer) {
    return Succeeds(stun::Method::kChannelBind, [&](stun::MessageWriter& writer) {
      writer.AddU32(stun::AttributeType::kChannelNumber, std::uint32_t{channel} << 16);
      writer.AddXorAddress(stun::AttributeType::kXorPeerAddress, peer);
    });
  }
  bool Release() {
    return Succeeds(stun::Method::kRefresh, [](stun::MessageWriter& writer) {
      writer.AddU32(stun::AttributeType::kLifetime, 0);
    });
  }

  void SendChannelData(std::uint16_t channel, std::string_view payload) {
    std::string message(4, '\0');
    message[0] = static_cast<char>(channel >> 8);
    message[1] = static_cast<char>(channel & 0xff);
    message[2] = static_cast<char>(payload.size() >> 8);
    message[3] = static_cast<char>(payload.size() & 0xff);
    socket_.SendTo(server_, message.append(payload));
  }
  // One Send indication.
  void Send(const base::Endpoint& peer, std::string_view payload) {
    std::array<std::uint8_t, 2048> buffer;
    stun::MessageWriter writer(buffer, {stun::Method::kSend, stun::MessageClass::kIndication},
                               NextTransaction());
    writer.AddXorAddress(stun::AttributeType::kXorPeerAddress, peer);
    writer.AddText(stun::AttributeType::kData, payload);
    socket_.SendTo(server_, base::AsText(writer.message()));
  }

  const UdpSocket& socket() const { return socket_; }

 private:
  stun::TransactionId NextTransaction() {
    stun::TransactionId id{};
    id[0] = static_cast<std::uint8_t>(++transactions_ >> 8);
    id[1] = static_cast<std::uint8_t>(transactions_);
    return id;
  }

  template <typename AddAttributes>
  std::string Exchange(stun::Method method, AddAttributes&& add) {
    std::array<std::uint8_t, 1024> buffer;
    stun::MessageWriter writer(buffer, {method, stun::MessageClass::kRequest}, NextTransaction());
    add(writer);
    if (!nonce_.empty()) {
      writer.AddText(stun::AttributeType::kUsername, username_);
      writer.AddText(stun::AttributeType::kRealm, realm_);
      writer.AddText(stun::AttributeType::kNonce, nonce_);
      writer.AddMessageIntegrity(stun::LongTermKeyMd5(username_, realm_, password_));
    }
    for (int attempt = 0; attempt < 3; ++attempt) {
      socket_.SendTo(server_, base::AsText(writer.message()));
      if (const auto answer = socket_.Receive(std::chrono::seconds(2))) return answer->octets;
    }
    return {};
  }

  template <typename AddAttributes>
  bool Succeeds(stun::Method method, AddAttributes&& add) {
    const std::string answer = Exchange(method, add);
    const auto view = stun::MessageView::Parse(base::AsBytes(answer));
    return view && view->message_class() == stun::MessageClass::kSuccess;
  }

  UdpSocket socket_;
  base::Endpoint server_;
  std::string username_;
  std::string password_;
  std::string realm_;
  std::string nonce_;
  std::uint16_t transactions_ = 0;
};

}  // namespace test_support
