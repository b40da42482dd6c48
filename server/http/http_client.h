#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "server/http/event_loop.h"

namespace relay {

// Fetches small documents over HTTPS, and nothing else: certificates are always verified, redirects
// are not followed, and no credentials are sent but to the proxy. The loop's thread only; it never
// waits (names are resolved by a thread of the library).
class HttpClient {
 public:
  struct Options {
    // "http://user:password@host:port"; "": as https_proxy, ALL_PROXY and NO_PROXY of the
    // environment say.
    std::string proxy;
    // A file of authorities (PEM) that are trusted besides the system's; "": none.
    std::string ca_file;
    std::chrono::milliseconds timeout{10'000};  // for all of an answer
    std::size_t max_bytes = 256 * 1024;         // of an answer
  };
  struct Answer {
    int status = 0;
    std::string body;
    std::optional<std::chrono::seconds> max_age;  // of Cache-Control (RFC 9111 section 5.2.2.1)
    std::optional<base::WallTime> date;           // RFC 9110 section 6.6.1
  };
  using Done = std::function<void(base::Result<Answer>)>;

  // Fails when the authorities cannot be read. `loop` must outlive the client.
  static base::Result<std::unique_ptr<HttpClient>> Create(EventLoop& loop, const Options& options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  // What is still under way is ended, and nobody is told.
  ~HttpClient();

  // Calls `done` once, later, with an answer of whatever status or what went wrong. How many run at
  // a time is for the caller to limit.
  void Get(const std::string& url, Done done);

 private:
  class Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay
