#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "server/net/edge_http.h"
#include "server/net/websocket_transport.h"

namespace {

using boost::asio::ip::tcp;

constexpr std::size_t kMaxHeaderBytes = std::size_t{16} * 1024;
constexpr std::size_t kMaxBodyBytes = std::size_t{64} * 1024;

// An edge listener of one shard, each of whose connections is a pair of sockets.
class Edge {
 public:
  struct Outcome {
    std::vector<relay::HttpRequest> requests;
    std::string answers;
    bool is_websocket = false;
  };

  Edge() {
    http_.SetHandler([this](relay::HttpRequest request, const relay::HttpReply& reply) {
      outcome_.requests.push_back(std::move(request));
      reply({200, {}, "answer"});
    });
  }

  // What comes of these octets and the end of the stream.
  Outcome Send(std::string_view octets) {
    outcome_ = {};
    std::array<int, 2> ends{};
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    tcp::socket socket(io_);
    socket.assign(tcp::v4(), ends[0]);
    http_.Accept(++handle_, relay::StreamSocket(std::move(socket)), five_tuple_);
    while (!octets.empty()) {
      const ssize_t sent = ::send(ends[1], octets.data(), octets.size(), MSG_NOSIGNAL);
      if (sent > 0) octets.remove_prefix(static_cast<std::size_t>(sent));
      Poll(ends[1]);
      if (sent <= 0 && (!is_open_ || outcome_.is_websocket)) break;
    }
    ::shutdown(ends[1], SHUT_WR);
    Poll(ends[1]);
    // What it has not ended by itself it would end in time.
    http_.CloseOverdue(base::MonotonicTime::max());
    Poll(ends[1]);
    CHECK(!is_open_ || outcome_.is_websocket);
    is_open_ = true;
    ::close(ends[1]);
    return std::move(outcome_);
  }

 private:
  void Poll(int end) {
    for (int i = 0; i < 4; ++i) {
      io_.restart();
      io_.poll();
      std::array<char, 16384> buffer;
      const ssize_t got = ::recv(end, buffer.data(), buffer.size(), 0);
      if (got > 0) outcome_.answers.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

  boost::asio::io_context io_;
  relay::ShardClock clock_;
  relay::EdgeHttp http_{io_,
                        clock_,
                        {.on_websocket =
                             [this](std::uint32_t, const base::FiveTuple&,
                                    const std::shared_ptr<relay::WebSocketTransport>& transport) {
                               outcome_.is_websocket = true;
                               transport->stream.next_layer().socket().Close();
                             },
                         .on_end = [this](std::uint32_t) { is_open_ = false; }}};
  base::FiveTuple five_tuple_{base::Endpoint::Parse("192.0.2.1:40000").value(),
                              base::Endpoint::Parse("192.0.2.2:443").value(),
                              base::Transport::kTls};
  std::uint32_t handle_ = 0;
  bool is_open_ = true;
  Outcome outcome_;
};

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char each) {
    return each > ' ' && each < 0x7f &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(each) == std::string_view::npos;
  });
}

bool IsFraming(const std::string& name) {
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(), [](unsigned char each) {
    return static_cast<char>(each >= 'A' && each <= 'Z' ? each + 32 : each);
  });
  return lower == "content-length" || lower == "transfer-encoding" || lower == "trailer" ||
         lower == "connection" || lower == "proxy-connection" || lower == "expect";
}

// The same request in the plainest form.
std::string Write(const relay::HttpRequest& request) {
  std::string text = request.method + " " + request.target + " HTTP/1.1\r\n";
  if (!request.FindHeader("host")) text += "Host: x\r\n";
  for (const auto& [name, value] : request.headers) {
    if (!IsFraming(name)) text += name + ": " + value + "\r\n";
  }
  return text + "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" +
         request.body;
}

void CheckRequest(const relay::HttpRequest& request) {
  CHECK(IsToken(request.method));
  CHECK(!request.target.empty());
  CHECK(std::ranges::all_of(request.target, [](char each) {
    return static_cast<unsigned char>(each) > ' ' && each != '\x7f';
  }));
  CHECK(request.target.starts_with(request.path()));
  CHECK(request.body.size() <= kMaxBodyBytes);
  std::size_t header_bytes = 0;
  std::size_t hosts = 0;
  for (const auto& [name, value] : request.headers) {
    header_bytes += name.size() + value.size();
    CHECK(IsToken(name));
    CHECK(value.find_first_of("\r\n") == std::string::npos &&
          value.find('\0') == std::string::npos);
    CHECK(request.FindHeader(name).has_value());
    if (name.size() == 4 && (name[0] | 32) == 'h' && (name[1] | 32) == 'o' &&
        (name[2] | 32) == 's' && (name[3] | 32) == 't')
      ++hosts;
  }
  CHECK(header_bytes <= kMaxHeaderBytes && hosts <= 1);
}

}  // namespace

// Any octets as what a client says on an edge listener when HTTP has begun: each request that gets
// to the handler is one, is answered once, and reads the same when it is written again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 8192) return 0;  // as long as it may be at most, written once more, it is too long
  static Edge edge;
  const Edge::Outcome outcome = edge.Send({reinterpret_cast<const char*>(data), size});
  if (!outcome.answers.empty()) CHECK(outcome.answers.starts_with("HTTP/1."));
  for (const relay::HttpRequest& request : outcome.requests) CheckRequest(request);
  if (outcome.requests.empty()) return 0;
  const relay::HttpRequest& first = outcome.requests.front();
  const Edge::Outcome again = edge.Send(Write(first));
  if (again.is_websocket) return 0;
  CHECK(again.requests.size() == 1);
  const relay::HttpRequest& second = again.requests.front();
  CHECK(second.method == first.method && second.target == first.target);
  CHECK(second.body == first.body);
  for (const auto& header : first.headers) {
    if (!IsFraming(header.first))
      CHECK(std::ranges::find(second.headers, header) != second.headers.end());
  }
  return 0;
}
