#include "server/sandbox/file_rules.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace relay {
namespace {

// Of versions that the headers of the oldest supported system do not know.
constexpr std::uint64_t kTruncate = 1U << 14;            // 3
constexpr std::uint64_t kIoctlDevice = 1U << 15;         // 5
constexpr std::uint64_t kScopeAbstractSocket = 1U << 0;  // 6
constexpr std::uint64_t kScopeSignal = 1U << 1;          // 6
struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

constexpr std::uint64_t kAllOfVersion1 = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1U) - 1;
constexpr std::uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kRead = kReadFile | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kExecute = LANDLOCK_ACCESS_FS_EXECUTE;
constexpr std::uint64_t kWriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr std::uint64_t kWrite = kWriteFile | LANDLOCK_ACCESS_FS_MAKE_REG |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                 LANDLOCK_ACCESS_FS_REMOVE_FILE;
constexpr std::uint64_t kOfFiles = kReadFile | kWriteFile | kExecute | kIoctlDevice;

// Whether this process lives by such rules.
std::atomic<bool> is_restricted{false};

class Handle {
 public:
  explicit Handle(int descriptor) : descriptor_(descriptor) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

RulesetAttributes AttributesOf(int version) {
  RulesetAttributes attributes{};
  attributes.handled_access_fs = kAllOfVersion1;
  if (version >= 2) attributes.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) attributes.handled_access_fs |= kTruncate;
  if (version >= 5) attributes.handled_access_fs |= kIoctlDevice;
  if (version >= 6) attributes.scoped = kScopeAbstractSocket | kScopeSignal;
  return attributes;
}

// What an older version does not know, it must not be given.
std::size_t SizeOf(int version) {
  if (version >= 6) return sizeof(RulesetAttributes);
  return version >= 4 ? offsetof(RulesetAttributes, scoped)
                      : offsetof(RulesetAttributes, handled_access_net);
}

base::Error RulesFailure(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

base::Result<void> Allow(const Handle& ruleset, const std::set<std::string>& paths,
                         std::uint64_t access, std::uint64_t handled) {
  for (const std::string& path : paths) {
    const Handle place(::open(path.c_str(), O_PATH | O_CLOEXEC));
    struct stat status {};
    if (place.get() < 0 || ::fstat(place.get(), &status) != 0) continue;
    landlock_path_beneath_attr rule{};
    rule.allowed_access =
        access & handled & (S_ISDIR(status.st_mode) ? ~std::uint64_t{0} : kOfFiles);
    rule.parent_fd = place.get();
    if (::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
      return RulesFailure("the kernel does not take the rule for " + path);
  }
  return {};
}

}  // namespace

base::Result<int> LandlockVersion() {
  const auto version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version > 0) return static_cast<int>(version);
  if (errno == ENOSYS) return base::Error{"this kernel has no Landlock"};
  if (errno == EOPNOTSUPP) return base::Error{"Landlock is not switched on in this kernel (lsm=)"};
  return RulesFailure("Landlock may not be used here");
}

base::Result<void> RestrictFiles(const FileRules& rules) {
  const auto version = LandlockVersion();
  if (!version.ok()) return version.error();
  const RulesetAttributes attributes = AttributesOf(version.value());
  const Handle ruleset(static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, &attributes, SizeOf(version.value()), 0)));
  if (ruleset.get() < 0) return RulesFailure("the kernel makes no ruleset");
  const std::uint64_t handled = attributes.handled_access_fs;
  for (const auto& [paths, access] :
       {std::pair{&rules.readable, kRead}, std::pair{&rules.writable, kRead | kWrite},
        std::pair{&rules.executable, kRead | kExecute}}) {
    if (auto allowed = Allow(ruleset, *paths, access, handled); !allowed.ok()) return allowed;
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return RulesFailure("the kernel does not enforce the ruleset");
  is_restricted = true;
  return {};
}

std::string WhyNotOpened(const std::string& path, int error) {
  std::string why = std::strerror(error);
  // Rules forbid to open, not to ask: whoever could, were it not for them, has met one.
  if (error == EACCES && is_restricted &&
      ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0) {
    why +=
        " since the start: the process keeps to the folders of the files that it began with; a "
        "restart takes this one in (process.sandbox)";
  }
  return why;
}

}  // namespace relay
