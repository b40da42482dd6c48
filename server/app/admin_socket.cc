#include "server/app/admin_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace relay {
namespace {

// A folder that is ours alone, or at least not everybody's: in /tmp somebody else could have made
// it.
bool CanUse(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST) return false;
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  const bool is_private = status.st_uid == ::geteuid() && (status.st_mode & S_IWOTH) == 0;
  return is_private && ::access(folder.c_str(), W_OK) == 0;
}

}  // namespace

std::vector<std::string> AdminSocketCandidates(const std::string& configured) {
  std::vector<std::string> candidates{configured};
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR");
      runtime != nullptr && runtime[0] == '/') {
    candidates.push_back(std::string(runtime) + "/senso-turn/admin.sock");
  }
  candidates.push_back("/tmp/senso-turn-" + std::to_string(::geteuid()) + "/admin.sock");
  return candidates;
}

std::string ChooseAdminSocket(const std::string& configured) {
  for (const std::string& candidate : AdminSocketCandidates(configured)) {
    if (CanUse(std::filesystem::path(candidate).parent_path())) return candidate;
  }
  return configured;
}

}  // namespace relay
