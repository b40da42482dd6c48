#include "server/http/line_client.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "server/http/listening_socket.h"

namespace relay {
namespace {

constexpr std::size_t kMaxAnswerBytes = 16 * 1024 * 1024;

base::Error Failure(const std::string& path, int code) {
  const bool is_timeout = code == EAGAIN || code == EWOULDBLOCK;
  return {"no answer from " + path + ": " + (is_timeout ? "timed out" : std::strerror(code))};
}

void SetTimeout(const FileDescriptor& connection, std::chrono::milliseconds timeout) {
  timeval interval{};
  interval.tv_sec = static_cast<time_t>(timeout.count() / 1000);
  interval.tv_usec = static_cast<suseconds_t>(timeout.count() % 1000 * 1000);
  setsockopt(connection.number(), SOL_SOCKET, SO_RCVTIMEO, &interval, sizeof(interval));
  setsockopt(connection.number(), SOL_SOCKET, SO_SNDTIMEO, &interval, sizeof(interval));
}

// Sends the line and hands over what comes until the end of the stream, or until `on_piece` is not
// content.
base::Result<void> Exchange(const std::string& socket_path, std::string_view line,
                            std::chrono::milliseconds timeout,
                            const std::function<base::Result<void>(std::string_view)>& on_piece) {
  auto connection = ConnectUnix(socket_path);
  if (!connection.ok()) return connection.error();
  SetTimeout(connection.value(), timeout);

  const std::string request = std::string(line) + '\n';
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t count = send(connection.value().number(), request.data() + sent,
                               request.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failure(socket_path, errno);
    sent += static_cast<std::size_t>(count);
  }

  std::array<char, 16 * 1024> chunk;
  while (true) {
    const ssize_t count = recv(connection.value().number(), chunk.data(), chunk.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failure(socket_path, errno);
    if (count == 0) return {};
    if (auto taken = on_piece({chunk.data(), static_cast<std::size_t>(count)}); !taken.ok())
      return taken;
  }
}

}  // namespace

base::Result<std::string> AskLine(const std::string& socket_path, std::string_view line,
                                  std::chrono::milliseconds timeout) {
  std::string answer;
  const auto done = Exchange(socket_path, line, timeout, [&](std::string_view piece) {
    answer += piece;
    if (answer.size() <= kMaxAnswerBytes) return base::Result<void>();
    return base::Result<void>(base::Error{"the answer from " + socket_path + " is too long"});
  });
  if (!done.ok()) return done.error();
  return answer;
}

base::Result<void> FollowLines(const std::string& socket_path, std::string_view line,
                               std::chrono::milliseconds silence,
                               const std::function<void(std::string_view)>& on_line) {
  std::string waiting;
  auto done = Exchange(socket_path, line, silence, [&](std::string_view piece) {
    waiting += piece;
    for (std::size_t end = waiting.find('\n'); end != std::string::npos; end = waiting.find('\n')) {
      on_line(std::string_view(waiting).substr(0, end));
      waiting.erase(0, end + 1);
    }
    if (waiting.size() <= kMaxAnswerBytes) return base::Result<void>();
    return base::Result<void>(base::Error{"a line from " + socket_path + " is too long"});
  });
  if (done.ok() && !waiting.empty()) on_line(waiting);
  return done;
}

}  // namespace relay
