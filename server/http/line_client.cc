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

}  // namespace

base::Result<std::string> AskLine(const std::string& socket_path, std::string_view line,
                                  std::chrono::milliseconds timeout) {
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

  std::string answer;
  std::array<char, 16 * 1024> chunk;
  while (true) {
    const ssize_t count = recv(connection.value().number(), chunk.data(), chunk.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failure(socket_path, errno);
    if (count == 0) return answer;
    answer.append(chunk.data(), static_cast<std::size_t>(count));
    if (answer.size() > kMaxAnswerBytes)
      return base::Error{"the answer from " + socket_path + " is too long"};
  }
}

}  // namespace relay
