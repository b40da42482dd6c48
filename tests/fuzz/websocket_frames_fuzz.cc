#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "server/net/edge_http.h"
#include "server/net/websocket_transport.h"
#include "server/probe/websocket_codec.h"

namespace {

using boost::asio::ip::tcp;
using Octets = std::vector<std::uint8_t>;

// One connection to an edge listener, from its upgrade to its end.
class Connection {
 public:
  Connection() {
    std::array<int, 2> ends{};
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    end_ = ends[1];
    tcp::socket socket(io_);
    socket.assign(tcp::v4(), ends[0]);
    http_.Accept(1, relay::StreamSocket(std::move(socket)), {});
    constexpr std::array<std::uint8_t, 16> kKey{};
    const std::string request = relay::WebSocketRequest("turn.example.org", kKey);
    Send(base::AsBytes(request));
    const Octets answer = std::exchange(answers_, {});
    CHECK(transport_ != nullptr);
    CHECK(relay::IsWebSocketAccepted(base::AsText(answer)));
  }
  ~Connection() {
    transport_->stream.next_layer().socket().Close();
    Poll();
    ::close(end_);
  }

  void Send(base::Bytes octets) {
    while (!octets.empty()) {
      const ssize_t sent = ::send(end_, octets.data(), octets.size(), MSG_NOSIGNAL);
      if (sent > 0) octets = octets.subspan(static_cast<std::size_t>(sent));
      Poll();
      if (sent <= 0 && is_over_) return;
    }
    Poll();
  }
  void End() {
    ::shutdown(end_, SHUT_WR);
    Poll();
    CHECK(is_over_);
  }

  // The byte stream that came in, and what was said back.
  const Octets& stream() const { return stream_; }
  const Octets& answers() const { return answers_; }

 private:
  // As WebSocketConnection does.
  void Read() {
    transport_->stream.async_read_some(
        boost::asio::buffer(transport_->incoming),
        [this](boost::system::error_code error, std::size_t bytes) {
          if (error.failed() || transport_->stream.got_text()) {
            is_over_ = true;
            return;
          }
          CHECK(bytes <= transport_->incoming.size());
          stream_.insert(stream_.end(), transport_->incoming.begin(),
                         transport_->incoming.begin() + static_cast<std::ptrdiff_t>(bytes));
          Read();
        });
  }

  void Poll() {
    for (int i = 0; i < 2; ++i) {
      io_.restart();
      io_.poll();
      std::array<std::uint8_t, 4096> buffer;
      const ssize_t got = ::recv(end_, buffer.data(), buffer.size(), 0);
      if (got > 0) answers_.insert(answers_.end(), buffer.begin(), buffer.begin() + got);
    }
  }

  boost::asio::io_context io_;
  relay::ShardClock clock_;
  std::shared_ptr<relay::WebSocketTransport> transport_;
  relay::EdgeHttp http_{io_,
                        clock_,
                        {.on_websocket =
                             [this](std::uint32_t, const base::FiveTuple&,
                                    std::shared_ptr<relay::WebSocketTransport> transport) {
                               transport_ = std::move(transport);
                               transport_->stream.binary(true);
                               transport_->stream.auto_fragment(false);
                               transport_->stream.read_message_max(0);
                               Read();
                             },
                         .on_end = [](std::uint32_t) {}}};
  int end_ = -1;
  bool is_over_ = false;
  Octets stream_;
  Octets answers_;
};

// RFC 6455 section 5.2, read as plainly as possible: the payload of data frames in a row, until
// something is wrong or over. What is in a frame that has not come whole counts as far as it is
// there.
Octets ReadPlainly(base::Bytes octets) {
  Octets stream;
  while (octets.size() >= 2) {
    const int opcode = octets[0] & 0x0f;
    std::size_t header = 2;
    std::uint64_t length = octets[1] & 0x7f;
    if ((octets[1] & 0x80) == 0) return stream;
    const std::size_t further = length == 127 ? 8 : length == 126 ? 2 : 0;
    if (octets.size() < header + further + 4) return stream;
    if (further != 0) length = 0;
    for (std::size_t i = 0; i < further; ++i) length = length << 8 | octets[header + i];
    header += further;
    const base::Bytes mask = octets.subspan(header, 4);
    header += 4;
    const auto there =
        static_cast<std::size_t>(std::min<std::uint64_t>(length, octets.size() - header));
    if (opcode <= 2) {
      for (std::size_t i = 0; i < there; ++i)
        stream.push_back(static_cast<std::uint8_t>(octets[header + i] ^ mask[i % 4]));
    }
    if (opcode == 8) return stream;
    octets = octets.subspan(header + there);
  }
  return stream;
}

}  // namespace

// Any octets as what a client sends after the upgrade: what comes out is the beginning of the
// payload that stands in its frames, and what goes back are frames that a client can read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes octets(data, size);
  Connection connection;
  // In two pieces, so that a frame can come in halves.
  const std::size_t cut = size == 0 ? 0 : data[size - 1] % size;
  connection.Send(octets.first(cut));
  connection.Send(octets.subspan(cut));
  connection.End();

  const Octets plain = ReadPlainly(octets);
  CHECK(connection.stream().size() <= plain.size());
  CHECK(std::equal(connection.stream().begin(), connection.stream().end(), plain.begin()));
  base::Bytes answers = connection.answers();
  while (!answers.empty()) {
    const auto frame = relay::ReadWebSocketFrame(answers);
    CHECK(frame && frame->kind != relay::WebSocketFrame::Kind::kData);
    const std::size_t whole = frame->header_bytes + frame->payload_bytes;
    // Those of control are short (section 5.5).
    CHECK(frame->payload_bytes <= 125 && whole <= answers.size());
    answers = answers.subspan(whole);
  }
  return 0;
}
