#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "server/http/event_loop.h"
#include "server/tls/tls_context.h"
#include "server/web/http_message.h"

namespace relay {

// HTTP/1.1 on one address, in the clear or over TLS, for health, metrics and the credential API.
// Broken, oversized and unknown-method requests are answered without the handler.
class HttpServer {
 public:
  // Called on the loop's thread; must not wait for anything. The reply is for the same thread, at
  // once or later; it does nothing the second time, and when the client or the server is gone.
  using Handler = std::function<void(HttpRequest, HttpReply)>;
  // The certificates for a new connection; never nullptr.
  using TlsSource = std::function<std::shared_ptr<const TlsContext>()>;

  struct Options {
    base::Endpoint address = {};  // port 0: any free one
    // One that listens already, which becomes the server's; -1: none.
    int inherited_socket = -1;
    std::size_t max_header_bytes = 16 * 1024;
    std::size_t max_body_bytes = 64 * 1024;
    // Without one, no TLS.
    TlsSource tls = {};
    // From the connection's start, or from its last answer, the client has this long to complete a
    // request (with TLS also the handshake), and from then on to take the answer, however busily it
    // dribbles. Idle connections end by the same rule.
    std::chrono::milliseconds timeout{30'000};
    // Further ones wait in the system's queue until one ends.
    std::size_t max_connections = 512;
  };

  // Fails when the address cannot be bound. `loop` must outlive the server.
  static base::Result<std::unique_ptr<HttpServer>> Listen(EventLoop& loop, const Options& options,
                                                          Handler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();  // closes every connection

  std::uint16_t port() const;
  int listening_socket() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay
