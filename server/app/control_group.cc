#include "server/app/control_group.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

namespace relay {
namespace {

namespace fs = std::filesystem;

// "150000 100000"; empty when one of them is no number: "max" and "-1" stand for no limit.
std::vector<std::uint64_t> ReadNumbers(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::uint64_t> numbers;
  for (std::string word; file >> word;) {
    std::uint64_t number = 0;
    const char* const end = word.data() + word.size();
    const auto parsed = std::from_chars(word.data(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return {};
    numbers.push_back(number);
  }
  return numbers;
}

template <class T>
void Lower(std::optional<T>& limit, T value) {
  limit = std::min(limit.value_or(value), value);
}

void LowerMemory(ControlGroupLimits& limits, const fs::path& file) {
  const auto numbers = ReadNumbers(file);
  if (numbers.size() == 1) Lower(limits.memory, numbers[0]);
}

// Of each `period`, for so long on one core, or for as much in all on several.
void LowerCores(ControlGroupLimits& limits, std::uint64_t quota, std::uint64_t period) {
  if (quota == 0 || period == 0) return;
  Lower(limits.cores, static_cast<std::size_t>(quota / period + (quota % period == 0 ? 0 : 1)));
}

// Calls `visit` with the folder of the group that is at `path` below `base`, and with those of the
// groups above it.
template <class Visit>
void ForEachGroup(const fs::path& base, const fs::path& path, const Visit& visit) {
  // A group that is outside what this process may see has a path that begins with "/..".
  const bool is_within = std::ranges::find(path, fs::path("..")) == path.end();
  for (fs::path below = is_within ? path.relative_path() : fs::path();;
       below = below.parent_path()) {
    visit(base / below);
    if (below.empty()) return;
  }
}

void LowerByVersion2(ControlGroupLimits& limits, const fs::path& base, const fs::path& path) {
  ForEachGroup(base, path, [&limits](const fs::path& group) {
    LowerMemory(limits, group / "memory.max");
    const auto cpu = ReadNumbers(group / "cpu.max");
    if (cpu.size() == 2) LowerCores(limits, cpu[0], cpu[1]);
  });
}

void LowerByVersion1(ControlGroupLimits& limits, const fs::path& root, std::string_view controllers,
                     const fs::path& path) {
  // The folder has the name of all that are mounted together, and that of each links to it.
  for (std::string_view rest = controllers; !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    if (one == "memory") {
      ForEachGroup(root / one, path, [&limits](const fs::path& group) {
        LowerMemory(limits, group / "memory.limit_in_bytes");
      });
    } else if (one == "cpu") {
      ForEachGroup(root / one, path, [&limits](const fs::path& group) {
        const auto quota = ReadNumbers(group / "cpu.cfs_quota_us");
        const auto period = ReadNumbers(group / "cpu.cfs_period_us");
        if (quota.size() == 1 && period.size() == 1) LowerCores(limits, quota[0], period[0]);
      });
    }
  }
}

}  // namespace

ControlGroupLimits FindControlGroupLimits(const fs::path& root, std::string_view membership) {
  ControlGroupLimits limits;
  // "4:memory:/system.slice/senso-turn.service": a number, controllers, the group. Version 2 has
  // one line, "0::/system.slice/senso-turn.service".
  for (std::string_view rest = membership; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const fs::path path = line.substr(second + 1);
    if (controllers.empty()) {
      LowerByVersion2(limits, root, path);
      LowerByVersion2(limits, root / "unified", path);  // beside version 1
    } else {
      LowerByVersion1(limits, root, controllers, path);
    }
  }
  return limits;
}

ControlGroupLimits ReadControlGroupLimits() {
  std::ifstream file("/proc/self/cgroup");
  const std::string membership{std::istreambuf_iterator<char>(file), {}};
  return FindControlGroupLimits("/sys/fs/cgroup", membership);
}

}  // namespace relay
