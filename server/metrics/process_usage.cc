#include "server/metrics/process_usage.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace relay {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

double CountOpenDescriptors() {
  constexpr const char* kDirectory = "/proc/self/fd";
  struct stat status {};
  // Since Linux 6.2 the size of the directory is the count.
  if (stat(kDirectory, &status) == 0 && status.st_size > 0)
    return static_cast<double>(status.st_size);
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir(kDirectory));
  if (directory == nullptr) return 0;
  double count = 0;
  while (const dirent* entry = readdir(directory.get())) {
    if (entry->d_name[0] != '.') count += 1;
  }
  return count - 1;  // the descriptor of the directory itself
}

// Seconds since the epoch at which the host booted.
double ReadBootTime() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

// proc(5), /proc/pid/stat: the fields after the command name, which may itself contain anything but
// ends at the last parenthesis.
void ReadStat(ProcessUsage& usage) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  if (!std::getline(file, line)) return;
  const std::size_t end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return;
  std::istringstream rest(line.substr(end_of_name + 1));

  constexpr int kUserTime = 14, kSystemTime = 15, kStartTime = 22, kVirtualSize = 23,
                kResidentPages = 24;
  const double ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  // Once: the system counts every interrupt of every CPU for this file, and may take its time.
  static const double boot_time = ReadBootTime();
  std::string field;
  for (int number = 3; number <= kResidentPages && rest >> field; ++number) {
    const double value = std::strtod(field.c_str(), nullptr);
    if (number == kUserTime || number == kSystemTime) usage.cpu_seconds += value / ticks_per_second;
    if (number == kStartTime) usage.start_time_seconds = boot_time + value / ticks_per_second;
    if (number == kVirtualSize) usage.virtual_bytes = value;
    if (number == kResidentPages)
      usage.resident_bytes = value * static_cast<double>(sysconf(_SC_PAGESIZE));
  }
}

}  // namespace

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  ReadStat(usage);
  usage.open_fds = CountOpenDescriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.max_fds = static_cast<double>(limit.rlim_cur);
  return usage;
}

}  // namespace relay
