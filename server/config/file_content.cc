#include "server/config/file_content.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "protocol/base/crypto.h"
#include "server/sandbox/file_rules.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxSecretBytes = std::size_t{64} * 1024;
// For the writer of a pipe. A running server must not wait for one without end.
constexpr std::chrono::seconds kPatience{2};

class File {
 public:
  // A pipe is opened, too, when nobody writes to it yet.
  explicit File(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

  // False: a pipe has nothing until then.
  bool HasMore(Clock::time_point deadline) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    return left.count() > 0 && poll(&waiting, 1, static_cast<int>(left.count())) != 0;
  }

 private:
  int fd_;
};

}  // namespace

base::Result<std::string> ReadFileContent(const std::string& path, std::size_t max_bytes) {
  const auto failed = [](const std::string& why) { return base::Error{"cannot be read: " + why}; };
  const File file(path);
  if (file.fd() < 0) return failed(WhyNotOpened(path, errno));
  std::string content(max_bytes + 1,
                      '\0');  // at once: growing would leave copies of secrets behind
  std::size_t size = 0;
  const Clock::time_point deadline = Clock::now() + kPatience;
  while (size < content.size()) {
    if (!file.HasMore(deadline)) return failed("nobody writes to it");
    const ssize_t got = read(file.fd(), content.data() + size, content.size() - size);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return failed(std::strerror(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > max_bytes) return failed("it is too large");
  content.resize(size);
  return content;
}

base::Result<std::string> ReadSecretFile(const std::string& path, const std::string& directory) {
  const std::string full = (std::filesystem::path(directory) / path).string();
  auto read = ReadFileContent(full, kMaxSecretBytes);
  if (!read.ok()) return base::Error{"'" + full + "' " + read.error().message};
  std::string& content = read.value();
  while (content.ends_with('\n') || content.ends_with('\r')) content.pop_back();
  if (content.empty()) return base::Error{"'" + full + "' is empty"};
  std::string secret = content;
  base::WipeMemory({reinterpret_cast<std::uint8_t*>(content.data()), content.size()});
  return secret;
}

}  // namespace relay
