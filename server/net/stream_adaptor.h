#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/role.hpp>
#include <cstdint>
#include <cstring>
#include <utility>

#include "server/net/stream_socket.h"

namespace relay {

// A StreamSocket as Beast wants it: Asio's AsyncReadStream and AsyncWriteStream. Shard's thread
// only.
class StreamAdaptor {
 public:
  explicit StreamAdaptor(StreamSocket socket) : socket_(std::move(socket)) {}

  using executor_type = StreamSocket::executor_type;
  executor_type get_executor() { return socket_.get_executor(); }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_compose<Token, void(boost::system::error_code, std::size_t)>(
        Operation<Reading<Buffers>>{socket_, {buffers}}, token, socket_);
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_compose<Token, void(boost::system::error_code, std::size_t)>(
        Operation<Writing<Buffers>>{socket_, {buffers}}, token, socket_);
  }

  StreamSocket& socket() { return socket_; }

 private:
  template <typename Buffers>
  struct Reading {
    Buffers buffers;

    StreamOutcome Try(StreamSocket& socket) const {
      for (auto buffer = boost::asio::buffer_sequence_begin(buffers);
           buffer != boost::asio::buffer_sequence_end(buffers); ++buffer) {
        const boost::asio::mutable_buffer into = *buffer;
        if (into.size() > 0)
          return socket.Read({static_cast<std::uint8_t*>(into.data()), into.size()});
      }
      return {StreamOutcome::Status::kDone};
    }
  };

  template <typename Buffers>
  struct Writing {
    // One TLS record, and one packet, for what stands in several buffers. The same octets are
    // gathered again when the socket has to be waited for.
    static constexpr std::size_t kGathered = 16 * 1024;
    Buffers buffers;

    StreamOutcome Try(StreamSocket& socket) const {
      std::array<std::uint8_t, kGathered> gathered;
      const std::size_t bytes = boost::asio::buffer_copy(boost::asio::buffer(gathered), buffers);
      if (bytes == 0) return {StreamOutcome::Status::kDone};
      return socket.Write(base::Bytes(gathered).first(bytes));
    }
  };

  // Tries at once, then whenever the socket is ready. Completes never inside the call that began
  // it.
  template <typename Attempt>
  struct Operation {
    StreamSocket& socket;
    Attempt attempt;
    bool has_begun = false;
    bool is_over = false;
    boost::system::error_code error = {};
    std::size_t bytes = 0;

    template <typename Self>
    void operator()(Self& self, boost::system::error_code waited = {}) {
      if (is_over) return self.complete(error, bytes);
      if (waited) return self.complete(waited, 0);
      const StreamOutcome outcome = attempt.Try(socket);
      if (MustWait(outcome)) {
        has_begun = true;
        socket.AsyncWait(DirectionOf(outcome), std::move(self));
        return;
      }
      error = ToError(outcome.status);
      bytes = outcome.bytes;
      if (has_begun) return self.complete(error, bytes);
      is_over = true;
      boost::asio::post(socket.get_executor(), std::move(self));
    }
  };

  static boost::system::error_code ToError(StreamOutcome::Status status) {
    switch (status) {
      case StreamOutcome::Status::kEnd:
        return boost::asio::error::eof;
      case StreamOutcome::Status::kFailed:
        return boost::asio::error::connection_reset;
      default:
        return {};
    }
  }

  StreamSocket socket_;
};

// What Beast's WebSocket asks of the layer below it when it ends.
inline void teardown(boost::beast::role_type, StreamAdaptor& stream, boost::system::error_code&) {
  stream.socket().Close();
}
template <typename Handler>
void async_teardown(boost::beast::role_type, StreamAdaptor& stream, Handler&& handler) {
  stream.socket().Close();
  boost::asio::post(stream.get_executor(),
                    [handler = std::forward<Handler>(handler)]() mutable { handler({}); });
}
inline void beast_close_socket(StreamAdaptor& stream) { stream.socket().Close(); }

}  // namespace relay
