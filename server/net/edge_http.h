#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "protocol/base/five_tuple.h"
#include "protocol/base/time.h"
#include "server/net/http_handler.h"
#include "server/net/shard_clock.h"
#include "server/net/stream_socket.h"

namespace relay {

struct WebSocketTransport;

// HTTP/1.1 on the edge listeners of one shard. A WebSocket upgrade of `/turn` with the subprotocol
// `turn` leaves for TURN; every other request goes to the handler as a value. What is no HTTP is
// closed without an answer, so that no answer is much larger than what caused it. Shard's thread
// only, but for the replies.
class EdgeHttp {
 public:
  // Called with the number that Accept was given.
  struct Hooks {
    std::function<void(std::uint32_t, const base::FiveTuple&, std::shared_ptr<WebSocketTransport>)>
        on_websocket;
    std::function<void(std::uint32_t)> on_end;
  };

  // All must outlive this; `io` also every reply.
  EdgeHttp(boost::asio::io_context& io, ShardClock& clock, Hooks hooks);
  ~EdgeHttp();
  EdgeHttp(const EdgeHttp&) = delete;
  EdgeHttp& operator=(const EdgeHttp&) = delete;

  // Without one, every request is answered with 404.
  void SetHandler(HttpHandler handler) { handler_ = std::move(handler); }

  // Takes over a connection on which HTTP has begun.
  void Accept(std::uint32_t handle, StreamSocket socket, const base::FiveTuple& five_tuple);
  // Ends the connections whose request, or whose taking of an answer, takes too long.
  void CloseOverdue(base::MonotonicTime now);
  // Those that are there, in any order; and ends one of them.
  std::vector<std::uint32_t> ListHandles() const;
  void End(std::uint32_t handle);

 private:
  struct Channel;
  struct Session {
    std::shared_ptr<Channel> channel;
    base::FiveTuple five_tuple;
    base::MonotonicTime deadline;
    std::shared_ptr<WebSocketTransport> upgrade;  // under way: it has the channel's socket
  };

  void Read(std::uint32_t handle, Session& session);
  void OnRead(std::uint32_t handle, boost::system::error_code error);
  void OnRequest(std::uint32_t handle, Session& session);
  void Upgrade(std::uint32_t handle, Session& session);
  void Respond(std::uint32_t handle, HttpResponse response);
  void OnWritten(std::uint32_t handle, boost::system::error_code error);
  Session* Find(std::uint32_t handle);

  boost::asio::io_context& io_;
  ShardClock& clock_;
  Hooks hooks_;
  HttpHandler handler_;
  std::unordered_map<std::uint32_t, Session> sessions_;
};

}  // namespace relay
