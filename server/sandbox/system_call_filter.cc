#include "server/sandbox/system_call_filter.h"

#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "server/sandbox/sanitizer.h"

namespace relay {
namespace {

// By name, since the headers of this system may not know all of them, nor every machine have them.
constexpr std::array kNeverNeeded{
    // other processes: their memory, their descriptors, their state
    "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "process_madvise",
    "process_mrelease", "get_robust_list",
    // file systems, and ways around the rules for files
    "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr", "open_by_handle_at", "name_to_handle_at",
    "quotactl", "quotactl_fd", "swapon", "swapoff", "fanotify_init", "fanotify_mark", "mknod",
    "mknodat", "memfd_secret",
    // new namespaces
    "unshare", "setns",
    // the kernel itself
    "init_module", "finit_module", "delete_module", "create_module", "query_module",
    "get_kernel_syms", "kexec_load", "kexec_file_load", "reboot", "syslog", "acct", "iopl",
    "ioperm", "vhangup", "lookup_dcookie", "perf_event_open", "userfaultfd", "io_uring_setup",
    "io_uring_enter", "io_uring_register", "nfsservctl",
    // keys of the kernel
    "add_key", "keyctl", "request_key",
    // the clock and the names of the host
    "settimeofday", "stime", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime",
    "clock_adjtime64", "sethostname", "setdomainname",
    // other users
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
    "setgroups", "setuid32", "setgid32", "setreuid32", "setregid32", "setresuid32", "setresgid32",
    "setfsuid32", "setfsgid32", "setgroups32",
    // memory of other nodes, and what only old programs do
    "migrate_pages", "move_pages", "mbind", "set_mempolicy", "set_mempolicy_home_node",
    "modify_ldt", "uselib", "ustat", "sysfs", "_sysctl", "vm86", "vm86old", "bdflush",
    "remap_file_pages"};

// Of these a sanitizer makes some: it looks for leaks from a process of its own, starts the program
// that knows the names of functions, and maps memory as it likes.
constexpr std::array kNeverNeededButBySanitizers{"ptrace", "personality"};
constexpr std::array kExecution{"execve", "execveat", "fork", "vfork"};

constexpr std::array kFamilies{AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

struct ReleaseFilter {
  void operator()(void* filter) const { seccomp_release(filter); }
};

class Filter {
 public:
  Filter() : filter_(seccomp_init(SCMP_ACT_ALLOW)) {
    if (filter_ == nullptr) {
      Note(-ENOMEM);
      return;
    }
    // Calls by the numbers of another architecture (x32, i386) meet the same refusal as the rest.
    Note(seccomp_attr_set(filter_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)));
    Note(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1));
    // Older kernels would slow down everything else that a filtered thread does. Where that is not
    // to be had it is not needed either.
    seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_SSB, 1);
    // A tree instead of a list: the kernel walks it for each call whose outcome it has not noted.
    Note(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));
  }

  void Deny(std::span<const char* const> names) {
    for (const char* name : names) Deny(name, EPERM, {});
  }
  // Where all comparisons hold.
  void Deny(const char* name, int error, std::initializer_list<scmp_arg_cmp> comparisons) {
    const int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR || filter_ == nullptr) return;
    Note(seccomp_rule_add_array(filter_.get(), SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)),
                                call, static_cast<unsigned>(comparisons.size()),
                                comparisons.begin()));
  }

  base::Result<void> Load() {
    if (error_ == 0) Note(seccomp_load(filter_.get()));
    if (error_ == 0) return {};
    return base::Error{std::string("the system takes no filter: ") + std::strerror(error_)};
  }

 private:
  void Note(int result) {
    if (result < 0 && error_ == 0) error_ = -result;
  }

  std::unique_ptr<void, ReleaseFilter> filter_;
  int error_ = 0;  // the first one
};

constexpr scmp_arg_cmp Has(unsigned argument, std::uint64_t bits) {
  return {argument, SCMP_CMP_MASKED_EQ, bits, bits};
}
constexpr scmp_arg_cmp Lacks(unsigned argument, std::uint64_t bits) {
  return {argument, SCMP_CMP_MASKED_EQ, bits, 0};
}

// A thread is a process that shares everything; nothing else is made.
void DenyProcesses(Filter& filter) {
  filter.Deny(kExecution);
  constexpr unsigned kFlags = 0;
  filter.Deny("clone", EPERM, {Lacks(kFlags, CLONE_THREAD)});
}

// A filter cannot see the arguments of clone3; the C library then uses clone.
void DenyNamespaces(Filter& filter) {
  filter.Deny("clone3", ENOSYS, {});
  constexpr unsigned kFlags = 0;
  for (const int flag : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                         CLONE_NEWPID, CLONE_NEWNET})
    filter.Deny("clone", EPERM, {Has(kFlags, static_cast<std::uint64_t>(flag))});
}

// No memory that is written and then executed.
void DenyNewCode(Filter& filter) {
  constexpr unsigned kProtection = 2;
  filter.Deny("mmap", EPERM, {Has(kProtection, PROT_WRITE | PROT_EXEC)});
  filter.Deny("mprotect", EPERM, {Has(kProtection, PROT_EXEC)});
  filter.Deny("pkey_mprotect", EPERM, {Has(kProtection, PROT_EXEC)});
  filter.Deny("shmat", EPERM, {Has(kProtection, SHM_EXEC)});
}

void DenyOtherSockets(Filter& filter) {
  constexpr unsigned kFamily = 0;
  // A rule can compare an argument once only.
  for (int family = 0; family < kFamilies.back(); ++family) {
    if (std::ranges::find(kFamilies, family) == kFamilies.end())
      filter.Deny("socket", EPERM, {{kFamily, SCMP_CMP_EQ, static_cast<std::uint64_t>(family), 0}});
  }
  filter.Deny("socket", EPERM, {{kFamily, SCMP_CMP_GT, std::uint64_t{kFamilies.back()}, 0}});
}

// Typing on the terminal that the server was started from.
void DenyTerminal(Filter& filter) {
  constexpr unsigned kCommand = 1;
  constexpr std::uint64_t kWholeCommand = 0xffffffff;  // the kernel looks at no more
  for (const int command : {TIOCSTI, TIOCLINUX}) {
    filter.Deny(
        "ioctl", EPERM,
        {{kCommand, SCMP_CMP_MASKED_EQ, kWholeCommand, static_cast<std::uint64_t>(command)}});
  }
}

}  // namespace

base::Result<void> SystemCallFilterSupport() {
  if (seccomp_api_get() >= 2) return {};
  return base::Error{"this kernel, or the container around, has no filter for all threads"};
}

base::Result<void> FilterSystemCalls(const SystemCallNeeds& needs) {
  Filter filter;
  filter.Deny(kNeverNeeded);
  DenyNamespaces(filter);
  DenyOtherSockets(filter);
  DenyTerminal(filter);
  // libbpf may put what it loads into such memory.
  if (!needs.bpf) filter.Deny(std::array{"bpf", "memfd_create"});
  if (!kIsSanitized) {
    filter.Deny(kNeverNeededButBySanitizers);
    DenyNewCode(filter);
    if (!needs.execution) DenyProcesses(filter);
  }
  return filter.Load();
}

}  // namespace relay
