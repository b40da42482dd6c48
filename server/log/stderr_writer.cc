#include "server/log/stderr_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace relay {

void StderrWriter::Write(std::string_view line) {
  // A socket (journald's) can be asked not to block by the call itself. For everything else poll
  // says whether a short write goes through; O_NONBLOCK would change the descriptor for its other
  // owners, too.
  ssize_t written = send(STDERR_FILENO, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (written < 0 && errno == ENOTSOCK) {
    pollfd standard_error{STDERR_FILENO, POLLOUT, 0};
    const bool is_ready =
        poll(&standard_error, 1, 0) == 1 && (standard_error.revents & POLLOUT) != 0;
    if (is_ready) written = write(STDERR_FILENO, line.data(), line.size());
  }
  if (written < 0) dropped_lines_.fetch_add(1, std::memory_order_relaxed);
}

void SecureStandardDescriptors() {
  std::signal(SIGPIPE, SIG_IGN);
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) {
      // open() takes the lowest free number, and those below are open by now.
      if (open("/dev/null", O_RDWR) < 0) return;
    }
  }
}

}  // namespace relay
