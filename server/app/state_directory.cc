#include "server/app/state_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "protocol/base/crypto.h"
#include "protocol/base/random.h"
#include "server/config/file_content.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "senso-turn";
constexpr std::size_t kSecretOctets = 32;
constexpr std::size_t kMinSecretCharacters = 16;

// Why the folder cannot be used; empty if it can.
std::string MakeWritable(const std::string& directory) {
  std::error_code error;
  if (const fs::path parent = fs::path(directory).parent_path(); !parent.empty()) {
    fs::create_directories(parent, error);  // what matters is the folder itself
  }
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return std::strerror(errno);
  if (!fs::is_directory(directory, error)) return "it is not a folder";
  if (::access(directory.c_str(), W_OK | X_OK) != 0) return std::strerror(errno);
  return {};
}

// A file under a name of its own, gone with this object unless it has been renamed.
class NewFile {
 public:
  explicit NewFile(std::string path)
      : path_(std::move(path)),
        fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  bool Write(std::string_view text) const {
    return fd_ >= 0 &&
           ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
           ::fsync(fd_) == 0;
  }
  bool SetMode(::mode_t mode) const { return ::fchmod(fd_, mode) == 0; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int fd_;
};

// A name in that folder that nobody else has.
std::string UniqueName(const std::string& directory, const char* prefix) {
  base::OsRandom random;
  std::array<std::uint8_t, 8> suffix;
  random.Fill(suffix);
  return directory + "/" + prefix + base::HexEncode(suffix);
}

// Under a name of its own first: whoever looks sees a whole secret or none.
base::Result<void> MakeSecret(const std::string& directory, const std::string& path) {
  base::OsRandom random;
  std::array<std::uint8_t, kSecretOctets> octets;
  random.Fill(octets);
  const NewFile file(UniqueName(directory, ".secret."));
  std::string text = base::Base64Encode(octets) + "\n";
  const bool is_written = file.Write(text);
  const int write_error = errno;
  base::WipeMemory(octets);
  base::WipeMemory({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  if (!is_written) {
    return base::Error{"cannot write a secret into '" + directory +
                       "': " + std::strerror(write_error)};
  }
  if (::link(file.path().c_str(), path.c_str()) != 0 && errno != EEXIST) {
    return base::Error{"cannot make '" + path + "': " + std::strerror(errno)};
  }
  return {};
}

}  // namespace

std::vector<std::string> StateDirectoryCandidates(const Config& config) {
  std::vector<std::string> candidates{config.state.directory};
  if (config.state.directory != Config::State().directory) return candidates;
  const auto from_environment = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  // systemd may name several, with colons in between.
  const std::string given = from_environment("STATE_DIRECTORY");
  if (!given.empty()) candidates.push_back(given.substr(0, given.find(':')));
  const std::string state_home = from_environment("XDG_STATE_HOME");
  const std::string home = from_environment("HOME");
  if (!state_home.empty()) {
    candidates.push_back(state_home + "/" + kProgram);
  } else if (!home.empty()) {
    candidates.push_back(home + "/.local/state/" + kProgram);
  }
  return candidates;
}

base::Result<std::string> OpenStateDirectory(const Config& config) {
  std::string tried;
  for (const std::string& candidate : StateDirectoryCandidates(config)) {
    const std::string problem = MakeWritable(candidate);
    if (problem.empty()) return candidate;
    if (!tried.empty()) tried += ", ";
    tried.append("'").append(candidate).append("' (").append(problem).append(")");
  }
  return base::Error{"there is no folder to keep secrets in: tried " + tried +
                     "; name one with --set state.directory=PATH"};
}

base::Result<void> ReplaceFile(const std::string& path, std::string_view text, ::mode_t mode) {
  const NewFile file(UniqueName(fs::path(path).parent_path().string(), ".new."));
  if (!file.Write(text) || !file.SetMode(mode) ||
      ::rename(file.path().c_str(), path.c_str()) != 0) {
    return base::Error{"cannot write '" + path + "': " + std::strerror(errno)};
  }
  return {};
}

base::Result<KeptSecret> KeepSecret(const std::string& directory) {
  KeptSecret kept;
  kept.path = directory + "/secret";
  struct stat found {};
  if (::stat(kept.path.c_str(), &found) != 0) {
    if (errno != ENOENT) {
      return base::Error{"'" + kept.path + "' cannot be read: " + std::strerror(errno)};
    }
    auto made = MakeSecret(directory, kept.path);
    if (!made.ok()) return made.error();
    if (::stat(kept.path.c_str(), &found) != 0) {
      return base::Error{"'" + kept.path + "' cannot be read: " + std::strerror(errno)};
    }
  }
  auto secret = ReadSecretFile(kept.path, "");
  if (!secret.ok()) {
    return base::Error{secret.error().message +
                       "; let this user read it, or remove it and a new one is made"};
  }
  if (secret.value().size() < kMinSecretCharacters) {
    return base::Error{"'" + kept.path +
                       "' is too short for a secret; remove it and a new one is made"};
  }
  kept.secret = std::move(secret).value();
  kept.is_world_readable = (found.st_mode & S_IROTH) != 0;
  return kept;
}

}  // namespace relay
