#include "server/net/edge_http.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/crypto.h"
#include "server/net/websocket_transport.h"

namespace relay {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::uint32_t kMaxHeaderBytes = 16 * 1024;
constexpr std::uint64_t kMaxBodyBytes = 64 * 1024;
constexpr std::chrono::seconds kRequestTimeout{10};
constexpr std::chrono::seconds kAnswerTimeout{30};
constexpr std::string_view kTurnPath = "/turn";
constexpr std::string_view kTurnProtocol = "turn";

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::string HttpDate(base::WallTime now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 64> text;
  return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc)};
}

std::string ToString(beast::string_view text) { return {text.data(), text.size()}; }

HttpRequest ToHttpRequest(const http::request<http::string_body>& request,
                          const base::Endpoint& client) {
  HttpRequest out;
  out.method = ToString(request.method_string());
  out.target = ToString(request.target());
  for (const auto& field : request) {
    out.headers.emplace_back(ToString(field.name_string()), ToString(field.value()));
  }
  out.body = request.body();
  out.client = client;
  return out;
}

bool OffersTurn(const http::request<http::string_body>& request) {
  const http::token_list offered(request[http::field::sec_websocket_protocol]);
  return std::any_of(offered.begin(), offered.end(), [](beast::string_view protocol) {
    return beast::iequals(protocol, beast::string_view(kTurnProtocol.data(), kTurnProtocol.size()));
  });
}

// RFC 6455 section 4.1: sixteen octets in base64. Beast takes anything.
bool HasWebSocketKey(const http::request<http::string_body>& request) {
  const beast::string_view key = request[http::field::sec_websocket_key];
  const auto octets = base::Base64Decode({key.data(), key.size()});
  return octets && octets->size() == 16;
}

}  // namespace

// A connection with the buffers of its running operation, shared with that operation's handler.
struct EdgeHttp::Channel {
  explicit Channel(StreamSocket socket) : stream(std::move(socket)) {}

  StreamAdaptor stream;
  beast::flat_buffer buffer{kMaxHeaderBytes + kMaxBodyBytes};
  std::optional<http::request_parser<http::string_body>> parser;
  http::response<http::string_body> response;
  bool is_head = false;
};

EdgeHttp::EdgeHttp(boost::asio::io_context& io, ShardClock& clock, Hooks hooks)
    : io_(io), clock_(clock), hooks_(std::move(hooks)) {}

EdgeHttp::~EdgeHttp() = default;

void EdgeHttp::Accept(std::uint32_t handle, StreamSocket socket,
                      const base::FiveTuple& five_tuple) {
  auto channel = std::make_shared<Channel>(std::move(socket));
  Session& session = sessions_[handle];
  session = {std::move(channel), five_tuple, {}, {}};
  Read(handle, session);
}

EdgeHttp::Session* EdgeHttp::Find(std::uint32_t handle) {
  const auto found = sessions_.find(handle);
  return found == sessions_.end() ? nullptr : &found->second;
}

void EdgeHttp::Read(std::uint32_t handle, Session& session) {
  clock_.Refresh();
  session.deadline = clock_.now().monotonic + kRequestTimeout;
  const auto channel = session.channel;
  channel->parser.emplace();
  channel->parser->header_limit(kMaxHeaderBytes);
  channel->parser->body_limit(kMaxBodyBytes);
  http::async_read(channel->stream, channel->buffer, *channel->parser,
                   [this, handle, channel](boost::system::error_code error, std::size_t) {
                     OnRead(handle, error);
                   });
}

void EdgeHttp::OnRead(std::uint32_t handle, boost::system::error_code error) {
  Session* session = Find(handle);
  if (session == nullptr) return;
  clock_.Refresh();
  if (!error) return OnRequest(handle, *session);
  const bool is_too_long = error == http::error::header_limit || error == http::error::body_limit ||
                           error == http::error::buffer_overflow;
  if (!is_too_long) return End(handle);
  Respond(handle, {error == http::error::header_limit ? 431 : 413, {}, {}});
}

void EdgeHttp::OnRequest(std::uint32_t handle, Session& session) {
  const auto& request = session.channel->parser->get();
  // RFC 9112 section 3.2: one Host, or none before HTTP/1.1.
  const auto hosts = request.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && request.version() >= 11)) return End(handle);
  session.channel->is_head = request.method() == http::verb::head;
  session.deadline = clock_.now().monotonic + kAnswerTimeout;
  HttpRequest value = ToHttpRequest(request, session.five_tuple.client);
  StreamSocket& socket = session.channel->stream.socket();
  if (socket.is_tls()) value.has_tls_grease = socket.has_tls_grease();
  if (value.path() == kTurnPath && beast::websocket::is_upgrade(request)) {
    if (!HasWebSocketKey(request)) return Respond(handle, {400, {}, {}});
    if (OffersTurn(request)) return Upgrade(handle, session);
    return Respond(handle, {400, {}, "the subprotocol is turn\n"});
  }
  if (!handler_) return Respond(handle, {404, {}, {}});
  handler_(std::move(value), [this, &io = io_, handle,
                              channel = std::weak_ptr(session.channel)](HttpResponse response) {
    boost::asio::post(io, [this, handle, channel, response = std::move(response)]() mutable {
      // The number may belong to another connection by now.
      const Session* waiting = Find(handle);
      if (waiting != nullptr && waiting->channel == channel.lock())
        Respond(handle, std::move(response));
    });
  });
}

void EdgeHttp::Upgrade(std::uint32_t handle, Session& session) {
  using beast::websocket::stream_base;
  const auto channel = session.channel;
  auto transport = std::make_shared<WebSocketTransport>(std::move(channel->stream));
  session.upgrade = transport;
  stream_base::timeout timeout{};
  timeout.handshake_timeout = kRequestTimeout;
  timeout.idle_timeout = stream_base::none();
  timeout.keep_alive_pings = false;
  transport->stream.set_option(timeout);
  transport->stream.set_option(
      stream_base::decorator([](beast::websocket::response_type& response) {
        response.set(http::field::server, "senso-turn");
        response.set(http::field::sec_websocket_protocol, "turn");
      }));
  transport->stream.async_accept(
      channel->parser->get(), [this, handle, transport, channel](boost::system::error_code error) {
        const Session* waiting = Find(handle);
        if (waiting == nullptr || waiting->channel != channel) return;
        if (error || channel->buffer.size() > 0) return End(handle);
        const base::FiveTuple five_tuple = waiting->five_tuple;
        sessions_.erase(handle);
        hooks_.on_websocket(handle, five_tuple, transport);
      });
}

void EdgeHttp::Respond(std::uint32_t handle, HttpResponse response) {
  Session* session = Find(handle);
  if (session == nullptr) return;
  const auto channel = session->channel;
  const auto& request = channel->parser->get();
  auto& out = channel->response;
  out = {};
  out.version(request.version() >= 11 ? 11 : 10);
  out.result(static_cast<unsigned>(response.status));
  for (const auto& [name, value] : response.headers) out.insert(name, value);
  // After half a request it is not known where the next one begins.
  if (!request.keep_alive() || !channel->parser->is_done()) out.keep_alive(false);
  out.set(http::field::date, HttpDate(clock_.now().wall));
  // To HEAD the headers of a GET, without its body (RFC 9110 section 9.3.2).
  out.content_length(response.body.size());
  if (!channel->is_head) out.body() = std::move(response.body);
  http::async_write(channel->stream, out,
                    [this, handle, channel](boost::system::error_code error, std::size_t) {
                      OnWritten(handle, error);
                    });
}

void EdgeHttp::OnWritten(std::uint32_t handle, boost::system::error_code error) {
  Session* session = Find(handle);
  if (session == nullptr) return;
  if (error || session->channel->response.need_eof() || !session->channel->response.keep_alive())
    return End(handle);
  Read(handle, *session);
}

void EdgeHttp::End(std::uint32_t handle) {
  const auto found = sessions_.find(handle);
  if (found == sessions_.end()) return;
  const Session session = std::move(found->second);
  sessions_.erase(found);
  if (session.upgrade != nullptr)
    session.upgrade->stream.next_layer().socket().Close();
  else
    session.channel->stream.socket().Close();
  hooks_.on_end(handle);
}

std::vector<std::uint32_t> EdgeHttp::ListHandles() const {
  std::vector<std::uint32_t> handles;
  handles.reserve(sessions_.size());
  for (const auto& [handle, session] : sessions_) handles.push_back(handle);
  return handles;
}

void EdgeHttp::CloseOverdue(base::MonotonicTime now) {
  std::vector<std::uint32_t> overdue;
  for (const auto& [handle, session] : sessions_) {
    if (now > session.deadline) overdue.push_back(handle);
  }
  for (const std::uint32_t handle : overdue) End(handle);
}

}  // namespace relay
