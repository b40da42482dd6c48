#include "server/http/line_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <list>
#include <optional>
#include <utility>

#include "server/http/libevent_handles.h"
#include "server/http/listening_socket.h"

namespace relay {
namespace {

struct FileIdentity {
  dev_t device;
  ino_t inode;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

std::optional<FileIdentity> Identify(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

}  // namespace

class LineServer::Impl {
 public:
  Impl(EventLoop& loop, Options options, Handler handler)
      : loop_(loop),
        options_(std::move(options)),
        handler_(std::move(handler)),
        retry_(loop, [this] { Resume(); }) {}

  ~Impl() {
    for (Connection& connection : connections_) {
      SendRest(connection);
      // Freed ones are closed by the loop in its next turn, and there may be none.
      ::shutdown(bufferevent_getfd(connection.stream.get()), SHUT_RDWR);
    }
    if (identity_ && Identify(options_.socket_path) == identity_)
      unlink(options_.socket_path.c_str());
  }

  base::Result<void> Listen() {
    auto socket = options_.inherited_socket < 0
                      ? ListenUnix(options_.socket_path)
                      : base::Result<FileDescriptor>(FileDescriptor(options_.inherited_socket));
    if (!socket.ok()) return socket.error();
    if (options_.inherited_socket < 0) OwnFile();
    const evconnlistener_cb on_accept = [](evconnlistener*, evutil_socket_t descriptor, sockaddr*,
                                           int, void* self) {
      static_cast<Impl*>(self)->OnAccept(FileDescriptor(descriptor));
    };
    listener_.reset(evconnlistener_new(loop_.base(), on_accept, this,
                                       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
                                       socket.value().number()));
    CHECK(listener_ != nullptr);
    socket.value().Release();
    evconnlistener_set_error_cb(listener_.get(), [](evconnlistener* listener, void* self) {
      evconnlistener_disable(listener);  // out of descriptors
      static_cast<Impl*>(self)->retry_.Start(std::chrono::seconds(1));
    });
    return {};
  }

  int listening_socket() const { return evconnlistener_get_fd(listener_.get()); }
  void OwnFile() { identity_ = Identify(options_.socket_path); }
  void LeaveFile() { identity_.reset(); }

 private:
  struct Connection;

  // Outlives its connection only while somebody is calling it.
  class Answerer final : public LineReply::Recipient {
   public:
    explicit Answerer(Connection& connection) : connection_(connection) {}
    void Send(std::string_view text, bool is_last) override {
      connection_.server.Send(connection_, text, is_last);
    }

   private:
    Connection& connection_;
  };

  struct Connection {
    Impl& server;
    BuffereventHandle stream;
    std::unique_ptr<Timer> deadline;
    bool is_asked = false;             // its line has come
    bool is_answered = false;          // to the end
    std::shared_ptr<Answerer> answer;  // nullptr: it has no line yet, or the whole answer
    std::list<Connection>::iterator self{};
  };

  void OnAccept(FileDescriptor descriptor) {
    BuffereventHandle stream(
        bufferevent_socket_new(loop_.base(), descriptor.number(), BEV_OPT_CLOSE_ON_FREE));
    if (stream == nullptr) return;
    descriptor.Release();
    Connection& connection = connections_.emplace_back(
        Connection{*this, std::move(stream), nullptr, false, false, {}, {}});
    connection.self = std::prev(connections_.end());
    connection.deadline =
        std::make_unique<Timer>(loop_, [&connection] { connection.server.Close(connection); });
    connection.deadline->Start(options_.timeout);
    bufferevent_setcb(
        connection.stream.get(),
        [](bufferevent*, void* context) { OnRead(*static_cast<Connection*>(context), false); },
        [](bufferevent*, void* context) { OnWritten(*static_cast<Connection*>(context)); },
        [](bufferevent*, short what, void* context) {  // NOLINT(google-runtime-int): libevent's
          OnEvent(*static_cast<Connection*>(context), what);
        },
        &connection);
    bufferevent_enable(connection.stream.get(), EV_READ | EV_WRITE);
    if (connections_.size() >= options_.max_connections) evconnlistener_disable(listener_.get());
  }

  // At the end of the stream a line needs no newline.
  static void OnRead(Connection& connection, bool is_end) {
    if (connection.is_asked) return;
    Impl& server = connection.server;
    evbuffer* input = bufferevent_get_input(connection.stream.get());
    const std::size_t available = evbuffer_get_length(input);
    const evbuffer_ptr newline = evbuffer_search_eol(input, nullptr, nullptr, EVBUFFER_EOL_LF);
    const bool has_newline = newline.pos >= 0;
    const std::size_t length = has_newline ? static_cast<std::size_t>(newline.pos) : available;
    if (length > server.options_.max_line_bytes) return server.Close(connection);
    if (!has_newline && !is_end) return;
    if (length == 0 && is_end) return server.Close(connection);

    std::string line(length, '\0');
    evbuffer_copyout(input, line.data(), line.size());
    if (line.ends_with('\r')) line.pop_back();
    server.Answer(connection, line);
  }

  void Answer(Connection& connection, const std::string& line) {
    connection.is_asked = true;
    // From here on it is the answer that takes its time.
    connection.deadline->Cancel();
    bufferevent_disable(connection.stream.get(), EV_READ);
    connection.answer = std::make_shared<Answerer>(connection);
    handler_(line, LineReply(connection.answer));
  }

  void Send(Connection& connection, std::string_view text, bool is_last) {
    if (is_last) {
      connection.is_answered = true;
      connection.answer.reset();
    }
    // A client that takes nothing gains no time by what else there is to take.
    if (evbuffer_get_length(bufferevent_get_output(connection.stream.get())) == 0)
      connection.deadline->Start(options_.timeout);
    if (!text.empty()) bufferevent_write(connection.stream.get(), text.data(), text.size());
    OnWritten(connection);
  }

  // Called by the loop when nothing is left to write, which is so at the beginning, too.
  static void OnWritten(Connection& connection) {
    if (!connection.is_asked) return;
    const evbuffer* output = bufferevent_get_output(connection.stream.get());
    if (evbuffer_get_length(output) != 0) return;
    connection.deadline->Cancel();
    if (connection.is_answered) connection.server.Close(connection);
  }

  // Without waiting: the loop will not do it any more.
  static void SendRest(Connection& connection) {
    evbuffer* output = bufferevent_get_output(connection.stream.get());
    if (evbuffer_get_length(output) == 0) return;
    // Only the loop's own functions may take from it otherwise.
    evbuffer_unfreeze(output, 1);
    evbuffer_write(output, bufferevent_getfd(connection.stream.get()));
  }

  static void OnEvent(Connection& connection, short what) {  // NOLINT(google-runtime-int)
    if ((what & BEV_EVENT_EOF) != 0 && !connection.is_asked) return OnRead(connection, true);
    connection.server.Close(connection);
  }

  void Close(Connection& connection) {
    connections_.erase(connection.self);
    Resume();
  }

  void Resume() {
    if (connections_.size() < options_.max_connections) evconnlistener_enable(listener_.get());
  }

  EventLoop& loop_;
  const Options options_;
  const Handler handler_;
  ListenerHandle listener_;
  std::optional<FileIdentity> identity_;
  std::list<Connection> connections_;
  Timer retry_;
};

base::Result<std::unique_ptr<LineServer>> LineServer::Listen(EventLoop& loop, Options options,
                                                             Handler handler) {
  auto impl = std::make_unique<Impl>(loop, std::move(options), std::move(handler));
  if (auto listening = impl->Listen(); !listening.ok()) return listening.error();
  return std::unique_ptr<LineServer>(new LineServer(std::move(impl)));
}

LineServer::LineServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LineServer::~LineServer() = default;

int LineServer::listening_socket() const { return impl_->listening_socket(); }
void LineServer::OwnFile() { impl_->OwnFile(); }
void LineServer::LeaveFile() { impl_->LeaveFile(); }

}  // namespace relay
