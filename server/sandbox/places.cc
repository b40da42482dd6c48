#include "server/sandbox/places.h"

#include <deque>
#include <filesystem>
#include <system_error>

namespace relay {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // as the kernel has it

// The folder of it, unless that is everything.
std::string FolderOf(const fs::path& path) {
  const fs::path folder = path.parent_path();
  return (folder == folder.root_path() ? path : folder).string();
}

}  // namespace

std::set<std::string> PlacesOf(const std::string& path) {
  std::error_code error;
  const fs::path begin = fs::absolute(path, error);
  if (error) return {};
  std::set<std::string> places;
  std::deque<fs::path> left(begin.begin(), begin.end());
  fs::path now;
  for (int links = 0; !left.empty();) {
    const fs::path part = left.front();
    left.pop_front();
    if (part.is_absolute()) {
      now = part;
      continue;
    }
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      now = now.parent_path();
      continue;
    }
    const fs::path next = now / part;
    const fs::file_status status = fs::symlink_status(next, error);
    if (error || !fs::exists(status)) return {};
    if (!fs::is_symlink(status)) {
      now = next;
      continue;
    }
    const fs::path target = fs::read_symlink(next, error);
    if (error || ++links > kMaxLinks) return {};
    const fs::path whole = fs::weakly_canonical(now / target, error);  // `target`, if absolute
    if (error) return {};
    places.insert(FolderOf(whole));
    left.insert(left.begin(), target.begin(), target.end());
  }
  places.insert(FolderOf(now));
  return places;
}

}  // namespace relay
