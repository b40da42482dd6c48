#include "server/http/http_server.h"

#include <event2/bufferevent_ssl.h>
#include <event2/keyvalq_struct.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "server/http/libevent_handles.h"
#include "server/http/listening_socket.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kMethods = EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                          EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH;

// While somebody waits for a place.
constexpr std::chrono::milliseconds kSweepWhenFull(10);

std::string_view MethodText(evhttp_cmd_type type) {
  switch (type) {
    case EVHTTP_REQ_GET:
      return "GET";
    case EVHTTP_REQ_HEAD:
      return "HEAD";
    case EVHTTP_REQ_POST:
      return "POST";
    case EVHTTP_REQ_PUT:
      return "PUT";
    case EVHTTP_REQ_DELETE:
      return "DELETE";
    case EVHTTP_REQ_OPTIONS:
      return "OPTIONS";
    case EVHTTP_REQ_PATCH:
      return "PATCH";
    default:
      return "";
  }
}

std::string TextOrEmpty(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

// Origin form, also of a target that was sent in absolute form (RFC 9112 section 3.2.2).
std::string OriginForm(evhttp_request* request) {
  const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
  if (uri == nullptr) return TextOrEmpty(evhttp_request_get_uri(request));
  std::string target = TextOrEmpty(evhttp_uri_get_path(uri));
  if (target.empty()) target = "/";
  if (const char* query = evhttp_uri_get_query(uri)) target += "?" + std::string(query);
  return target;
}

base::Endpoint PeerOf(evhttp_connection* connection) {
  char* address = nullptr;
  ev_uint16_t port = 0;
  evhttp_connection_get_peer(connection, &address, &port);
  const auto parsed = base::IpAddress::Parse(TextOrEmpty(address));
  return {parsed.value_or(base::IpAddress()), port};
}

HttpRequest ReadRequest(evhttp_request* request) {
  HttpRequest out;
  out.method = MethodText(evhttp_request_get_command(request));
  out.target = OriginForm(request);
  for (const evkeyval* header = evhttp_request_get_input_headers(request)->tqh_first;
       header != nullptr; header = header->next.tqe_next) {
    out.headers.emplace_back(header->key, header->value);
  }
  evbuffer* body = evhttp_request_get_input_buffer(request);
  out.body.resize(evbuffer_get_length(body));
  evbuffer_copyout(body, out.body.data(), out.body.size());
  out.client = PeerOf(evhttp_request_get_connection(request));
  return out;
}

// evhttp takes the first of several lengths; a front may take the last, and then the two disagree
// where the next request begins (RFC 9112 section 6.3).
bool HasAmbiguousLength(const HttpRequest& request) {
  return std::count_if(request.headers.begin(), request.headers.end(), [](const auto& header) {
           return evutil_ascii_strcasecmp(header.first.c_str(), "Content-Length") == 0;
         }) > 1;
}

void SendResponse(evhttp_request* request, const HttpResponse& response) {
  for (const auto& [name, value] : response.headers) {
    evhttp_add_header(evhttp_request_get_output_headers(request), name.c_str(), value.c_str());
  }
  if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
    // The headers of a GET, without its body (RFC 9110 section 9.3.2).
    const std::string length = std::to_string(response.body.size());
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Length", length.c_str());
  } else {
    evbuffer_add(evhttp_request_get_output_buffer(request), response.body.data(),
                 response.body.size());
  }
  evhttp_send_reply(request, response.status, nullptr, nullptr);  // the usual phrase for the status
}

}  // namespace

// evhttp knows timeouts between two reads only and no bound on connections. So this class makes the
// bufferevents, holds a reference to each, and looks through them every now and then: one that
// evhttp has let go of has lost its callbacks; one that is past its deadline is shut down, which
// evhttp then sees as the end of the stream.
class HttpServer::Impl {
 public:
  Impl(EventLoop& loop, const Options& options, Handler handler)
      : options_(options),
        handler_(std::move(handler)),
        sweep_(loop, [this] { OnSweep(); }),
        base_(loop.base()) {}
  ~Impl() {
    waiting_.clear();  // from here on no reply reaches a request
    http_.reset();     // before its connections' references
    for (auto& [bufferevent, connection] : connections_) bufferevent_decref(bufferevent);
  }

  base::Result<void> Listen() {
    auto socket = options_.inherited_socket < 0
                      ? ListenTcp(options_.address)
                      : base::Result<FileDescriptor>(FileDescriptor(options_.inherited_socket));
    if (!socket.ok()) return socket.error();
    port_ = LocalPort(socket.value());

    http_.reset(evhttp_new(base_));
    CHECK(http_ != nullptr);
    evhttp_set_max_headers_size(http_.get(), static_cast<ev_ssize_t>(options_.max_header_bytes));
    evhttp_set_max_body_size(http_.get(), static_cast<ev_ssize_t>(options_.max_body_bytes));
    evhttp_set_allowed_methods(http_.get(), kMethods);
    evhttp_set_default_content_type(http_.get(), nullptr);
    const timeval timeout = ToTimeval(options_.timeout);
    evhttp_set_timeout_tv(http_.get(), &timeout);
    evhttp_set_bevcb(
        http_.get(),
        [](event_base*, void* self) { return static_cast<Impl*>(self)->OnConnection(); }, this);
    evhttp_set_gencb(
        http_.get(),
        [](evhttp_request* request, void* self) { static_cast<Impl*>(self)->OnRequest(request); },
        this);

    listener_ =
        evconnlistener_new(base_, nullptr, nullptr, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
                           0, socket.value().number());
    CHECK(listener_ != nullptr);
    socket.value().Release();
    CHECK(evhttp_bind_listener(http_.get(), listener_) !=
          nullptr);  // evhttp owns the listener from here
    evconnlistener_set_error_cb(listener_, [](evconnlistener* listener, void*) {
      // Out of descriptors: the next sweep tries again, instead of this loop spinning.
      evconnlistener_disable(listener);
    });
    StartSweep();
    return {};
  }

  std::uint16_t port() const { return port_; }
  int listening_socket() const { return evconnlistener_get_fd(listener_); }

 private:
  struct Connection {
    Clock::time_point deadline;
    std::shared_ptr<const TlsContext> tls;  // that its session was made from
  };
  // A request that the handler has not answered. evhttp reads nothing from its connection
  // meanwhile, so that it only goes away together with the server; the close callback is there to
  // be sure.
  struct Waiting {
    evhttp_request* request;
  };

  bufferevent* OnConnection() {
    Connection connection{Clock::now() + options_.timeout, nullptr};
    if (options_.tls) connection.tls = options_.tls();
    // Without deferred closing by us evhttp would close the descriptor while our reference still
    // watches it.
    bufferevent* const made = options_.tls
                                  ? NewTlsBufferevent(*connection.tls)
                                  : bufferevent_socket_new(base_, -1, BEV_OPT_CLOSE_ON_FREE);
    CHECK(made != nullptr);  // else evhttp would serve this connection without our limits
    bufferevent_incref(made);
    connections_[made] = std::move(connection);
    if (connections_.size() >= options_.max_connections) {
      // The connection that evhttp is just making has no callbacks yet and must not look abandoned.
      Reap(made);
      if (connections_.size() >= options_.max_connections) {
        evconnlistener_disable(listener_);
        StartSweep();
      }
    }
    return made;
  }

  bufferevent* NewTlsBufferevent(const TlsContext& tls) {
    ssl_st* const session = tls.NewSession(TlsContext::Protocol::kTurnAndHttp);
    CHECK(session != nullptr);
    bufferevent* const made = bufferevent_openssl_socket_new(
        base_, -1, session, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    // Lengths say where a message ends; many clients leave without a word.
    if (made != nullptr) bufferevent_openssl_set_allow_dirty_shutdown(made, 1);
    return made;
  }

  void OnRequest(evhttp_request* request) {
    evhttp_connection* const connection = evhttp_request_get_connection(request);
    if (const auto found = connections_.find(evhttp_connection_get_bufferevent(connection));
        found != connections_.end()) {
      found->second.deadline = Clock::now() + options_.timeout;
    }
    HttpRequest value = ReadRequest(request);
    if (HasAmbiguousLength(value)) {
      HttpResponse refusal = TextResponse(400, "more than one Content-Length\n");
      refusal.headers.emplace_back("Connection", "close");
      return SendResponse(request, refusal);
    }
    const auto waiting = std::make_shared<Waiting>(Waiting{request});
    waiting_[connection] = waiting;
    evhttp_connection_set_closecb(
        connection,
        [](evhttp_connection* closed, void* self) {
          static_cast<Impl*>(self)->waiting_.erase(closed);
        },
        this);
    handler_(std::move(value), [this, weak = std::weak_ptr(waiting)](const HttpResponse& response) {
      if (const auto still_waiting = weak.lock()) Answer(still_waiting->request, response);
    });
  }

  void Answer(evhttp_request* request, const HttpResponse& response) {
    evhttp_connection* const connection = evhttp_request_get_connection(request);
    waiting_.erase(connection);
    evhttp_connection_set_closecb(connection, nullptr, nullptr);
    SendResponse(request, response);
  }

  void StartSweep() {
    using std::chrono::milliseconds;
    const bool is_full = connections_.size() >= options_.max_connections;
    const milliseconds interval = is_full ? kSweepWhenFull : options_.timeout / 4;
    sweep_.Start(std::clamp(interval, milliseconds(5), milliseconds(1000)));
  }

  void OnSweep() {
    Reap(nullptr);
    const auto now = Clock::now();
    for (const auto& [bufferevent, connection] : connections_) {
      if (now >= connection.deadline) shutdown(bufferevent_getfd(bufferevent), SHUT_RDWR);
    }
    if (connections_.size() < options_.max_connections) evconnlistener_enable(listener_);
    StartSweep();
  }

  void Reap(const bufferevent* spared) {
    for (auto entry = connections_.begin(); entry != connections_.end();) {
      bufferevent* connection = entry->first;
      bufferevent_event_cb on_event = nullptr;
      bufferevent_getcb(connection, nullptr, nullptr, &on_event, nullptr);
      if (on_event != nullptr || connection == spared) {
        ++entry;
      } else {
        bufferevent_decref(connection);
        entry = connections_.erase(entry);
      }
    }
  }

  const Options options_;
  const Handler handler_;
  Timer sweep_;
  event_base* const base_;
  EvhttpHandle http_;
  evconnlistener* listener_ = nullptr;                        // of http_
  std::unordered_map<bufferevent*, Connection> connections_;  // each holds a reference
  std::unordered_map<evhttp_connection*, std::shared_ptr<Waiting>> waiting_;  // the only owners
  std::uint16_t port_ = 0;
};

base::Result<std::unique_ptr<HttpServer>> HttpServer::Listen(EventLoop& loop,
                                                             const Options& options,
                                                             Handler handler) {
  auto impl = std::make_unique<Impl>(loop, options, std::move(handler));
  if (auto listening = impl->Listen(); !listening.ok()) return listening.error();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const { return impl_->port(); }
int HttpServer::listening_socket() const { return impl_->listening_socket(); }

}  // namespace relay
