#pragma once

#include <openssl/err.h>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "server/tls/datagram_port.h"
#include "server/tls/dtls_session.h"
#include "server/tls/openssl_handles.h"
#include "tests/support/seeded_random.h"

namespace test_support {

using Datagram = std::vector<std::uint8_t>;

inline base::Endpoint At(const char* text) {
  const auto endpoint = base::Endpoint::Parse(text);
  CHECK(endpoint.has_value());
  return *endpoint;
}

// Keeps what is sent, in order.
class Outbox final : public relay::DatagramSink {
 public:
  void SendDatagram(base::Bytes datagram) override {
    datagrams.emplace_back(datagram.begin(), datagram.end());
  }
  std::deque<Datagram> datagrams;
};

// OpenSSL as a client that believes everything.
class DtlsClient {
 public:
  DtlsClient() : context_(SSL_CTX_new(DTLS_client_method())) {
    CHECK(context_ != nullptr);
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_options(context_.get(), SSL_OP_NO_QUERY_MTU);
  }

  SSL_CTX* context() { return context_.get(); }
  SSL* ssl() {
    if (ssl_ == nullptr) {
      ssl_.reset(SSL_new(context()));
      CHECK(ssl_ != nullptr && port_.AttachTo(ssl_.get()));
      SSL_set_mtu(ssl_.get(), 1200);
      SSL_set_connect_state(ssl_.get());
    }
    return ssl_.get();
  }

  // An empty datagram: begins.
  void Receive(base::Bytes datagram) {
    SSL* const own = ssl();
    const relay::DatagramPort::Visit visit(port_, datagram, outbox);
    ERR_clear_error();
    if (!is_open_) {
      const int result = SSL_do_handshake(own);
      is_open_ = result == 1;
      if (result != 1) Judge(result);
    }
    std::array<char, 16384> buffer;
    while (is_open_) {
      ERR_clear_error();
      const int count = SSL_read(own, buffer.data(), buffer.size());
      if (count <= 0) {
        Judge(count);
        break;
      }
      messages.emplace_back(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  // A message as a datagram of its own.
  Datagram Seal(std::string_view message) {
    Outbox sealed;
    const relay::DatagramPort::Visit visit(port_, {}, sealed);
    CHECK(SSL_write(ssl(), message.data(), static_cast<int>(message.size())) > 0);
    CHECK(sealed.datagrams.size() == 1);
    return sealed.datagrams.front();
  }
  Datagram SealCloseNotify() {
    Outbox sealed;
    const relay::DatagramPort::Visit visit(port_, {}, sealed);
    SSL_shutdown(ssl());
    CHECK(sealed.datagrams.size() == 1);
    return sealed.datagrams.front();
  }
  // After SSL_renegotiate.
  void StartAgain() {
    const relay::DatagramPort::Visit visit(port_, {}, outbox);
    ERR_clear_error();
    SSL_do_handshake(ssl());
  }
  void Retransmit() {
    const relay::DatagramPort::Visit visit(port_, {}, outbox);
    DTLSv1_handle_timeout(ssl());
  }

  bool is_open() const { return is_open_; }
  bool is_at_end() const { return is_at_end_; }
  // The reason of OpenSSL's that ended it, 0 for none.
  int error() const { return error_; }

  Outbox outbox;
  std::vector<std::string> messages;

 private:
  void Judge(int result) {
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) is_at_end_ = true;
    if (error == SSL_ERROR_SSL) error_ = ERR_GET_REASON(ERR_peek_error());
  }

  relay::DatagramPort port_;
  relay::SslContextHandle context_;
  relay::SslHandle ssl_;
  bool is_open_ = false;
  bool is_at_end_ = false;
  int error_ = 0;
};

// A server of one client, and what it sends.
class DtlsServer {
 public:
  explicit DtlsServer(std::shared_ptr<const relay::TlsContext> context)
      : cookies_(random_), acceptor(std::move(context), cookies_) {}

  void Receive(base::Bytes datagram) {
    if (session != nullptr) {
      session->Receive(datagram, outbox);
      std::array<std::uint8_t, relay::DtlsSession::kMaxMessageBytes> buffer;
      while (const auto count = session->Read(buffer, outbox)) {
        messages.emplace_back(base::AsText(base::Bytes(buffer).first(*count)));
      }
    } else {
      session = acceptor.Receive(datagram, client, address, now, outbox);
    }
  }
  bool Send(std::string_view message) { return session->Send(base::AsBytes(message), outbox); }
  bool is_open() const {
    return session != nullptr && session->state() == relay::DtlsSession::State::kOpen;
  }

  base::Endpoint client = At("192.0.2.7:40000");
  base::Endpoint address = At("203.0.113.1:5349");
  base::MonotonicTime now{std::chrono::hours(5)};
  Outbox outbox;
  std::vector<std::string> messages;

 private:
  SeededRandom random_{7};
  relay::DtlsCookies cookies_;

 public:
  relay::DtlsAcceptor acceptor;
  std::unique_ptr<relay::DtlsSession> session;
};

// Both, and a link between them that may lose and change datagrams.
struct DtlsPair {
  explicit DtlsPair(std::shared_ptr<const relay::TlsContext> context)
      : server(std::move(context)) {}

  // Carries what is under way until there is nothing more.
  void Carry() {
    for (int round = 0; round < 100; ++round) {
      if (client.outbox.datagrams.empty() && server.outbox.datagrams.empty()) return;
      while (!client.outbox.datagrams.empty()) {
        const Datagram datagram = Take(client.outbox);
        if (!is_lost(datagram)) server.Receive(datagram);
      }
      while (!server.outbox.datagrams.empty()) {
        const Datagram datagram = Take(server.outbox);
        if (!is_lost(datagram)) client.Receive(datagram);
      }
    }
  }
  void Begin() { client.Receive({}); }
  bool Shake() {
    Begin();
    Carry();
    return client.is_open() && server.is_open();
  }

  static Datagram Take(Outbox& outbox) {
    CHECK(!outbox.datagrams.empty());
    Datagram first = std::move(outbox.datagrams.front());
    outbox.datagrams.pop_front();
    return first;
  }

  DtlsClient client;
  DtlsServer server;
  std::function<bool(const Datagram&)> is_lost = [](const Datagram&) { return false; };
};

}  // namespace test_support
