#pragma once

#include <fcntl.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "server/tls/openssl_handles.h"
#include "server/tls/tls_session.h"

namespace test_support {

// Two connected stream sockets that never block.
class SocketPair {
 public:
  SocketPair() {
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets_.data()) ==
          0);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  ~SocketPair() {
    CloseClient();
    ::close(sockets_[0]);
  }
  int server() const { return sockets_[0]; }
  int client() const { return sockets_[1]; }
  void CloseClient() {
    if (sockets_[1] >= 0) ::close(std::exchange(sockets_[1], -1));
  }

 private:
  std::array<int, 2> sockets_;
};

// OpenSSL as a client that believes everything: what is on trial is the server.
class TlsClient {
 public:
  TlsClient() : context_(SSL_CTX_new(TLS_client_method())) {
    CHECK(context_ != nullptr);
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_session_cache_mode(context_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_set_ex_data(context_.get(), 0, this);
    SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* ssl, SSL_SESSION* session) {
      auto* const client = static_cast<TlsClient*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0));
      client->tickets_.emplace_back(session);
      return 1;
    });
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  SSL_CTX* context() { return context_.get(); }
  SSL* ssl() { return ssl_.get(); }

  // What it offers; all before Connect.
  void UseVersion(int version) {
    CHECK(SSL_CTX_set_min_proto_version(context(), version) == 1);
    CHECK(SSL_CTX_set_max_proto_version(context(), version) == 1);
  }
  void UseSuites(const char* suites) { CHECK(SSL_CTX_set_cipher_list(context(), suites) == 1); }
  void UseName(std::string name) { name_ = std::move(name); }
  void UseProtocols(const std::vector<std::string>& protocols) {
    std::string list;
    for (const std::string& protocol : protocols) {
      list += static_cast<char>(protocol.size());
      list += protocol;
    }
    CHECK(SSL_CTX_set_alpn_protos(context(), base::AsBytes(list).data(),
                                  static_cast<unsigned>(list.size())) == 0);
  }

  // Begins afresh on this socket, with a ticket of an earlier connection or without.
  void Connect(int socket, SSL_SESSION* ticket = nullptr) {
    ssl_.reset(SSL_new(context()));
    CHECK(ssl_ != nullptr && SSL_set_fd(ssl(), socket) == 1);
    if (!name_.empty()) {
      CHECK(SSL_ctrl(ssl(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     name_.data()) == 1);
    }
    if (ticket != nullptr) CHECK(SSL_set_session(ssl(), ticket) == 1);
    SSL_set_connect_state(ssl());
  }

  // Goes as far as it can without waiting. Whether it is complete.
  bool Advance() {
    ERR_clear_error();
    if (error_ != 0) return false;
    const int result = SSL_do_handshake(ssl());
    if (result == 1) return true;
    Judge(result);
    return false;
  }
  // What there is to read, at most 64 kB.
  std::string Read() {
    std::string all;
    std::array<char, 4096> piece;
    while (all.size() < 65536) {
      ERR_clear_error();
      const int count = SSL_read(ssl(), piece.data(), piece.size());
      if (count <= 0) {
        Judge(count);
        break;
      }
      all.append(piece.data(), static_cast<std::size_t>(count));
    }
    return all;
  }
  bool Write(std::string_view text) {
    ERR_clear_error();
    return SSL_write(ssl(), text.data(), static_cast<int>(text.size())) ==
           static_cast<int>(text.size());
  }

  // The reason of OpenSSL's that ended it, 0 for none.
  int error() const { return error_; }
  bool is_at_end() const { return is_at_end_; }

  std::string Suite() { return SSL_get_cipher_name(ssl()); }
  std::string Protocol() {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl(), &name, &size);
    return std::string(base::AsText({name, size}));
  }
  std::string ServerKeyType() {
    const relay::X509Handle certificate(SSL_get1_peer_certificate(ssl()));
    if (certificate == nullptr) return "none";
    return EVP_PKEY_get0_type_name(X509_get0_pubkey(certificate.get()));
  }
  std::string ServerName() {
    const relay::X509Handle certificate(SSL_get1_peer_certificate(ssl()));
    if (certificate == nullptr) return "none";
    std::array<char, 128> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(),
                              name.size());
    return name.data();
  }
  using Ticket = std::unique_ptr<SSL_SESSION, relay::FreeBy<SSL_SESSION_free>>;
  const std::vector<Ticket>& tickets() const { return tickets_; }

 private:
  void Judge(int result) {
    const int error = SSL_get_error(ssl(), result);
    if (error == SSL_ERROR_ZERO_RETURN) is_at_end_ = true;
    if (error == SSL_ERROR_SSL) error_ = ERR_GET_REASON(ERR_peek_error());
    if (error == SSL_ERROR_SYSCALL) error_ = -1;
  }

  std::vector<Ticket> tickets_;
  relay::SslContextHandle context_;
  relay::SslHandle ssl_;
  std::string name_;
  int error_ = 0;
  bool is_at_end_ = false;
};

// The last that the server said; kDone if both are through.
inline relay::StreamOutcome::Status Shake(relay::TlsSession& server, TlsClient& client) {
  using Status = relay::StreamOutcome::Status;
  Status status = Status::kWantRead;
  bool is_client_through = false;
  for (int round = 0; round < 20; ++round) {
    if (!is_client_through) is_client_through = client.Advance();
    if (status != Status::kDone) status = server.Handshake().status;
    if (status == Status::kFailed || status == Status::kEnd) break;
    if (status == Status::kDone && is_client_through) break;
  }
  if (!is_client_through) client.Advance();  // sees the alert
  return status;
}

// A server's side and its client on two sockets.
struct TlsPair {
  explicit TlsPair(std::shared_ptr<const relay::TlsContext> context,
                   relay::TlsContext::Protocol protocol = relay::TlsContext::Protocol::kTurn)
      : server(std::move(context), sockets.server(), protocol) {}

  relay::StreamOutcome::Status Shake(SSL_SESSION* ticket = nullptr) {
    client.Connect(sockets.client(), ticket);
    return test_support::Shake(server, client);
  }

  SocketPair sockets;
  TlsClient client;
  relay::TlsSession server;
};

}  // namespace test_support
