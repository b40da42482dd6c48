#include "server/fleet/redis_connection.h"

#include <event2/dns.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "protocol/base/ip_address.h"
#include "server/fleet/redis_reader.h"
#include "server/http/libevent_handles.h"
#include "server/log/log.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{2000};
constexpr milliseconds kWatchInterval{250};
constexpr milliseconds kFirstBackoff{100};
constexpr milliseconds kLastBackoff{1600};
constexpr std::size_t kMaxPending = 4096;
constexpr std::size_t kMaxWaitingBytes = 4U << 20;
constexpr std::size_t kReadAtOnce = 64U << 10;

struct FreeResolver {
  void operator()(evdns_base* resolver) const { evdns_base_free(resolver, 0); }
};
using ResolverHandle = std::unique_ptr<evdns_base, FreeResolver>;

std::string SystemError() { return std::strerror(EVUTIL_SOCKET_ERROR()); }

}  // namespace

// What is made anew with each connection. The transport goes before the resolver that it asks.
struct RedisConnection::Session {
  ResolverHandle resolver;
  BuffereventHandle transport;
  RedisReader reader;
};

RedisConnection::RedisConnection(EventLoop& loop, RedisAddress address, Hooks hooks)
    : loop_(loop),
      address_(std::move(address)),
      hooks_(std::move(hooks)),
      backoff_(kFirstBackoff),
      retry_(loop, [this] { Connect(); }),
      watch_(loop, [this] { Watch(); }) {}

RedisConnection::~RedisConnection() = default;

void RedisConnection::Start() { Connect(); }

void RedisConnection::Connect() {
  ended_.reset();
  session_ = std::make_unique<Session>();
  Session& session = *session_;
  session.transport.reset(bufferevent_socket_new(loop_.base(), -1, BEV_OPT_CLOSE_ON_FREE));
  CHECK(session.transport != nullptr);
  bufferevent_setcb(
      session.transport.get(),
      [](bufferevent*, void* self) { static_cast<RedisConnection*>(self)->OnReadable(); }, nullptr,
      // NOLINTNEXTLINE(google-runtime-int): libevent's type
      [](bufferevent*, short events, void* self) {
        static_cast<RedisConnection*>(self)->OnEvent(events);
      },
      this);
  bufferevent_setwatermark(session.transport.get(), EV_READ, 0, kReadAtOnce);
  bufferevent_enable(session.transport.get(), EV_READ | EV_WRITE);
  SayHello();
  watch_.Start(kWatchInterval);

  int begun = -1;
  if (!address_.socket_path.empty()) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (address_.socket_path.size() >= sizeof(name.sun_path)) return Lose("its path is too long");
    std::memcpy(name.sun_path, address_.socket_path.data(), address_.socket_path.size());
    begun = bufferevent_socket_connect(session.transport.get(), reinterpret_cast<sockaddr*>(&name),
                                       sizeof(name));
  } else {
    // The system's own resolver would wait; an address does not have to be asked for.
    if (!base::IpAddress::Parse(address_.host)) {
      session.resolver.reset(evdns_base_new(
          loop_.base(), EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE));
      if (session.resolver == nullptr) return Lose("there is no name server to ask");
    }
    begun = bufferevent_socket_connect_hostname(session.transport.get(), session.resolver.get(),
                                                AF_UNSPEC, address_.host.c_str(), address_.port);
  }
  // It may have failed so early that the event has come already.
  if (begun != 0 && session_.get() == &session) Lose(SystemError());
}

void RedisConnection::SayHello() {
  const auto must_succeed = [this](const RedisReply& reply) {
    if (const auto problem = reply.Problem(); problem && reply.kind == RedisReply::Kind::kError)
      Lose("it refuses: " + *problem);
  };
  if (!address_.user.empty()) {
    Send({"AUTH", address_.user, address_.password}, must_succeed);
  } else if (!address_.password.empty()) {
    Send({"AUTH", address_.password}, must_succeed);
  }
  if (address_.database != 0) Send({"SELECT", std::to_string(address_.database)}, must_succeed);
  Send({"PING"}, [this](const RedisReply& reply) {
    if (reply.kind == RedisReply::Kind::kLost) return;
    if (reply.kind == RedisReply::Kind::kError) return Lose("it refuses: " + *reply.Problem());
    if (reply.text != "PONG") return Lose("it is no Redis");
    is_up_ = true;
    trouble_.clear();
    backoff_ = kFirstBackoff;
    hooks_.on_up();
  });
}

void RedisConnection::Send(const std::vector<std::string>& words, OnReply on_reply,
                           milliseconds patience) {
  if (session_ == nullptr) return on_reply(RedisReply::Lost("there is no connection"));
  evbuffer* const output = bufferevent_get_output(session_->transport.get());
  if (pending_.size() >= kMaxPending || evbuffer_get_length(output) > kMaxWaitingBytes)
    return on_reply(RedisReply::Lost("too much is waiting"));
  std::vector<const char*> pointers;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    pointers.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* text = nullptr;
  const int length =
      redisFormatCommandArgv(&text, static_cast<int>(words.size()), pointers.data(), sizes.data());
  CHECK(length > 0);
  evbuffer_add(output, text, static_cast<std::size_t>(length));
  redisFreeCommand(text);
  pending_.push_back({std::move(on_reply), base::ReadClocks().monotonic + kPatience + patience});
}

void RedisConnection::OnReadable() {
  // A reply's recipient may end the session, and so may this.
  Session* const session = session_.get();
  evbuffer* const input = bufferevent_get_input(session->transport.get());
  std::array<char, 16384> piece;
  while (session_.get() == session) {
    const int taken = evbuffer_remove(input, piece.data(), piece.size());
    if (taken <= 0) return;
    session->reader.Feed({piece.data(), static_cast<std::size_t>(taken)});
    while (session_.get() == session) {
      const std::optional<RedisReply> reply = session->reader.Next();
      if (!reply) break;
      if (pending_.empty()) return Lose("it answers what nobody asked");
      const Pending answered = std::move(pending_.front());
      pending_.pop_front();
      answered.on_reply(*reply);
    }
    if (session_.get() == session && !session->reader.trouble().empty())
      return Lose(session->reader.trouble());
  }
}

// NOLINTNEXTLINE(google-runtime-int): libevent's type
void RedisConnection::OnEvent(short events) {
  if ((events & BEV_EVENT_CONNECTED) != 0) return;
  if ((events & BEV_EVENT_EOF) != 0) return Lose("it has closed the connection");
  const int lookup = bufferevent_socket_get_dns_error(session_->transport.get());
  Lose(lookup != 0 ? "its name is not known: " + std::string(evutil_gai_strerror(lookup))
                   : SystemError());
}

void RedisConnection::Watch() {
  watch_.Start(kWatchInterval);
  if (!pending_.empty() && pending_.front().deadline <= base::ReadClocks().monotonic)
    Lose("it does not answer");
}

void RedisConnection::Lose(const std::string& reason) {
  watch_.Cancel();
  const bool was_up = std::exchange(is_up_, false);
  trouble_ = reason;
  // Whoever called may stand on the transport's stack, or the resolver's: they stay for now.
  bufferevent_setcb(session_->transport.get(), nullptr, nullptr, nullptr, nullptr);
  bufferevent_disable(session_->transport.get(), EV_READ | EV_WRITE);
  ended_ = std::move(session_);
  const std::deque<Pending> lost = std::exchange(pending_, {});
  // A fleet must not come back all at once.
  const auto spread = static_cast<std::uint32_t>(backoff_.count() / 2);
  retry_.Start(backoff_ / 2 + milliseconds(random_.Below(spread + 1)));
  backoff_ = std::min(2 * backoff_, kLastBackoff);
  for (const Pending& each : lost) each.on_reply(RedisReply::Lost(reason));
  if (was_up) hooks_.on_down();
}

}  // namespace relay
