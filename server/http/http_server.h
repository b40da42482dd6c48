#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "server/http/event_loop.h"
#include "server/web/http_message.h"

namespace relay {

// HTTP/1.1 in the clear on one address, for health, metrics and the credential API behind a front
// that speaks TLS. The handler answers on the loop's thread and must not wait for anything. Broken,
// oversized and unknown-method requests are answered without it.
class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  struct Options {
    base::Endpoint address = {};  // port 0: any free one
    std::size_t max_header_bytes = 16 * 1024;
    std::size_t max_body_bytes = 64 * 1024;
    // From the connection's start, or from its last answer, the client has this long to complete a
    // request and to take the answer, however busily it dribbles. Idle connections end by the same
    // rule.
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

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay
