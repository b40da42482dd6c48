#include "server/config/file_content.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "protocol/base/crypto.h"

namespace relay {
namespace {

constexpr std::size_t kMaxSecretBytes = std::size_t{64} * 1024;

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

base::Result<std::string> ReadFileContent(const std::string& path, std::size_t max_bytes) {
  const auto failed = [](const char* why) {
    return base::Error{std::string("cannot be read: ") + why};
  };
  const File file(path);
  if (file.fd() < 0) return failed(std::strerror(errno));
  std::string content(max_bytes + 1,
                      '\0');  // at once: growing would leave copies of secrets behind
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = read(file.fd(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
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
