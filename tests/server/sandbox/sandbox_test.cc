#include "server/sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "server/sandbox/sanitizer.h"
#include "tests/support/temporary_directory.h"

namespace relay::sandbox_test {

using testing::HasSubstr;
using testing::Not;

// What `attempt` returns, in a process of its own that ends with it, so that what it gives up is
// given up for nobody else. Nothing else runs there: gtest has one thread.
std::string InAnotherProcess(const std::function<std::string()>& attempt) {
  std::array<int, 2> ends{};
  CHECK(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    const std::string said = attempt();
    const bool is_written = ::write(ends[1], said.data(), said.size()) >= 0;
    ::_exit(is_written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = ::read(ends[0], part.data(), part.size())) > 0;)
    said.append(part.data(), static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said
                                                       : "it ended with " + std::to_string(status);
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += part + "\n";
  return text;
}

std::string InSandbox(const SandboxNeeds& needs, const std::function<std::string()>& attempt) {
  return InAnotherProcess([&] {
    const SandboxReport report = EnterSandbox(needs);
    return report.missing.empty() || kIsSanitized ? attempt()
                                                  : "missing: " + Joined(report.missing);
  });
}

std::string Outcome(long result) { return result >= 0 ? "done" : strerrorname_np(errno); }

// System calls that a relay has no use for, each with arguments for which it fails otherwise than
// with EPERM, if at all, and does no harm, for root outside of the sandbox.
using Attempts = std::map<std::string, std::function<long()>>;

Attempts ForbiddenCalls() {
  Attempts attempts{
      {"mount", [] { return ::syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr); }},
      {"umount2", [] { return ::syscall(SYS_umount2, "/nothing", 0); }},
      {"pivot_root", [] { return ::syscall(SYS_pivot_root, "/nothing", "/nothing"); }},
      {"chroot", [] { return ::syscall(SYS_chroot, "/nothing"); }},
      {"move_mount", [] { return ::syscall(SYS_move_mount, -1, "", -1, "", ~0U); }},
      {"open_tree", [] { return ::syscall(SYS_open_tree, -1, "nothing", 0); }},
      {"fsopen", [] { return ::syscall(SYS_fsopen, "nothing", 0); }},
      {"open_by_handle_at", [] { return ::syscall(SYS_open_by_handle_at, -1, nullptr, 0); }},
      {"mknodat", [] { return ::syscall(SYS_mknodat, -1, "nothing", 0, 0); }},
      {"unshare",
       [] { return ::syscall(SYS_unshare, CLONE_NEWUSER | CLONE_THREAD | CLONE_PIDFD); }},
      {"setns", [] { return ::syscall(SYS_setns, -1, 0); }},
      {"init_module", [] { return ::syscall(SYS_init_module, nullptr, 0, nullptr); }},
      {"finit_module", [] { return ::syscall(SYS_finit_module, -1, "", 0); }},
      {"delete_module", [] { return ::syscall(SYS_delete_module, nullptr, 0); }},
      {"kexec_load", [] { return ::syscall(SYS_kexec_load, 0, 0, nullptr, ~0UL); }},
      {"reboot", [] { return ::syscall(SYS_reboot, 0, 0, 0, nullptr); }},
      {"swapon", [] { return ::syscall(SYS_swapon, "/nothing", 0); }},
      {"keyctl",
       [] { return ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0); }},
      {"add_key", [] { return ::syscall(SYS_add_key, nullptr, nullptr, nullptr, 0, 0); }},
      {"request_key", [] { return ::syscall(SYS_request_key, nullptr, nullptr, nullptr, 0); }},
      {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, ~0U); }},
      {"perf_event_open", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
      {"process_vm_readv",
       [] { return ::syscall(SYS_process_vm_readv, ::getpid(), nullptr, 0, nullptr, 0, 0); }},
      {"process_vm_writev",
       [] { return ::syscall(SYS_process_vm_writev, ::getpid(), nullptr, 0, nullptr, 0, 0); }},
      {"pidfd_getfd", [] { return ::syscall(SYS_pidfd_getfd, -1, 0, 0); }},
      {"kcmp", [] { return ::syscall(SYS_kcmp, ::getpid(), ::getpid(), 0, 0, 0); }},
      {"setuid", [] { return ::syscall(SYS_setuid, ::getuid()); }},
      {"clock_settime", [] { return ::syscall(SYS_clock_settime, CLOCK_REALTIME, nullptr); }},
      {"sethostname", [] { return ::syscall(SYS_sethostname, nullptr, 1); }},
      {"memfd_create", [] { return ::syscall(SYS_memfd_create, "nothing", 0); }},
      {"socket(AF_PACKET)", [] { return ::syscall(SYS_socket, AF_PACKET, SOCK_SEQPACKET, 0); }},
      {"socket(AF_VSOCK)", [] { return ::syscall(SYS_socket, AF_VSOCK, SOCK_RAW, 0); }},
      {"socket(AF_ALG)", [] { return ::syscall(SYS_socket, AF_ALG, SOCK_STREAM, 0); }},
      {"bpf", [] { return ::syscall(SYS_bpf, ~0U, nullptr, 0); }},
  };
  if (kIsSanitized) return attempts;
  attempts.insert({
      {"ptrace", [] { return ::syscall(SYS_ptrace, PTRACE_PEEKDATA, ::getpid(), 0, 0); }},
      {"personality", [] { return ::syscall(SYS_personality, 0xffffffff); }},
      {"execve", [] { return ::syscall(SYS_execve, "/nothing", nullptr, nullptr); }},
      {"execveat", [] { return ::syscall(SYS_execveat, -1, "nothing", nullptr, nullptr, 0); }},
      {"clone of a process", [] { return ::syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0); }},
      {"memory to write and to execute",
       [] {
         void* const made =
             ::mmap(nullptr, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return made == MAP_FAILED ? -1L : 0L;
       }},
      {"memory to execute, afterwards",
       [] {
         void* const made = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return static_cast<long>(::mprotect(made, 4096, PROT_EXEC));
       }},
  });
  return attempts;
}

std::string TryAll(const Attempts& attempts) {
  std::string text;
  for (const auto& [name, attempt] : attempts) text += name + ": " + Outcome(attempt()) + "\n";
  return text;
}

// A line of /proc/thread-self/status.
std::string StatusOf(const std::string& key) {
  std::ifstream status("/proc/thread-self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return line.substr(line.find_last_of('\t') + 1);
  }
  return "there is none";
}

std::string WhatIsRead(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  return descriptor < 0 ? WhyNotOpened(path, errno) : "read";
}

bool IsRoot() { return ::geteuid() == 0; }

SandboxNeeds Everything() {
  SandboxNeeds needs;
  needs.capabilities = EffectiveCapabilities();
  needs.files = {.readable = {"/"}, .writable = {"/"}, .executable = {"/"}};
  return needs;
}

TEST(SandboxTest, WhatARelayNeverNeedsFailsForLackOfARight) {
  const std::string said = InSandbox(Everything(), [] { return TryAll(ForbiddenCalls()); });
  for (const auto& [name, attempt] : ForbiddenCalls())
    EXPECT_THAT(said, HasSubstr(name + ": EPERM\n"));
}

TEST(SandboxTest, ItIsTheSandboxThatForbidsIt) {
  if (!IsRoot()) GTEST_SKIP() << "without root the system itself refuses some of it";
  const std::string said = InAnotherProcess([] { return TryAll(ForbiddenCalls()); });
  EXPECT_THAT(said, Not(HasSubstr("EPERM")));
}

TEST(SandboxTest, ThreadsThatAreStartedLaterAreInIt) {
  SandboxNeeds needs;
  needs.files.readable = {"/proc"};
  const std::string said = InSandbox(needs, [] {
    std::string inside;
    std::thread([&inside] {
      for (const char* key : {"NoNewPrivs", "Seccomp", "CapEff"}) inside += StatusOf(key) + " ";
      inside += Outcome(::syscall(SYS_unshare, 0));
    }).join();
    return inside;
  });
  EXPECT_EQ(said, "1 2 0000000000000000 EPERM");
}

TEST(SandboxTest, OnlyTheCapabilitiesThatAreNeededAreLeft) {
  if (!IsRoot()) GTEST_SKIP() << "only root has capabilities to give up";
  SandboxNeeds needs;
  needs.files.readable = {"/proc"};
  needs.capabilities = BitOf(CAP_NET_ADMIN);
  const std::string said = InSandbox(needs, [] {
    std::string sets;
    for (const char* key : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
      sets += StatusOf(key) + " ";
    return sets;
  });
  EXPECT_EQ(
      said,
      "0000000000000000 0000000000001000 0000000000001000 0000000000001000 0000000000000000 ");
}

TEST(SandboxTest, WhatIsKeptForAProgramIsInherited) {
  if (!IsRoot()) GTEST_SKIP() << "only root has capabilities to give up";
  SandboxNeeds needs = Everything();
  needs.capabilities = BitOf(CAP_NET_ADMIN);
  needs.system_calls.execution = true;
  const std::string said = InSandbox(needs, [] { return StatusOf("CapBnd"); });
  EXPECT_EQ(said, "0000000000001000");
}

TEST(SandboxTest, AProgramIsExecutedOnlyIfThatIsSwitchedOn) {
  SandboxNeeds needs = Everything();
  const auto run = [] {
    ::execl("/bin/sh", "sh", "-c", "exit 0", nullptr);
    return std::string(strerrorname_np(errno));
  };
  EXPECT_EQ(InSandbox(needs, run), kIsSanitized ? "" : "EPERM");
  needs.system_calls.execution = true;
  EXPECT_EQ(InSandbox(needs, run), "");
}

TEST(SandboxTest, TheKernelDatapathKeepsItsCall) {
  SandboxNeeds needs = Everything();
  needs.system_calls.bpf = true;
  EXPECT_EQ(InSandbox(needs, [] { return Outcome(::syscall(SYS_bpf, ~0U, nullptr, 0)); }),
            IsRoot() ? "EINVAL" : "EPERM");
}

class SandboxFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (kIsSanitized) GTEST_SKIP() << "a sanitizer opens files anywhere: no rules for files";
    if (const auto version = LandlockVersion(); !version.ok())
      GTEST_SKIP() << version.error().message;
    needs_.files.readable = {folder_.File("readable")};
    needs_.files.writable = {folder_.File("writable")};
    for (const char* name : {"readable", "writable", "other"})
      std::filesystem::create_directory(folder_.File(name));
    for (const char* name : {"readable/file", "writable/file", "other/file"})
      folder_.Write(name, "content");
  }

  std::string Create(const std::string& name) const {
    return Outcome(::open(folder_.File(name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  }

  test_support::TemporaryDirectory folder_;
  SandboxNeeds needs_;
};

TEST_F(SandboxFilesTest, OtherFilesAreNotRead) {
  for (const char* path : {"/etc/shadow", "/etc/passwd", "/proc/1/environ", "/root", "/"})
    EXPECT_THAT(InSandbox(needs_, [path] { return WhatIsRead(path); }),
                HasSubstr("Permission denied"))
        << path;
  EXPECT_THAT(InSandbox(needs_, [this] { return WhatIsRead(folder_.File("other/file")); }),
              HasSubstr("process.sandbox"));
}

TEST_F(SandboxFilesTest, WhatIsNotThereIsNotSaidToBeForbidden) {
  EXPECT_EQ(InSandbox(needs_, [this] { return WhatIsRead(folder_.File("readable/nothing")); }),
            "No such file or directory");
}

TEST_F(SandboxFilesTest, FilesBelowAreReadEvenIfTheyComeLater) {
  EXPECT_EQ(InSandbox(needs_, [this] { return WhatIsRead(folder_.File("readable/file")); }),
            "read");
  const std::string said = InAnotherProcess([this] {
    EnterSandbox(needs_);
    // Somebody else makes it: here, whoever may write.
    const std::string made = Create("writable/new");
    return made + WhatIsRead(folder_.File("writable/new"));
  });
  EXPECT_EQ(said, "doneread");
}

TEST_F(SandboxFilesTest, NothingIsWrittenButWhereThatIsAllowed) {
  const std::string said = InSandbox(needs_, [this] {
    // One after another: the operands of + come in any order.
    std::string outcomes;
    const auto note = [&](const std::string& outcome) { outcomes += outcome + " "; };
    note(Create("other/new"));
    note(Create("readable/new"));
    note(Create("writable/new"));
    note(Outcome(
        ::rename(folder_.File("writable/new").c_str(), folder_.File("writable/file").c_str())));
    note(Outcome(::unlink(folder_.File("writable/file").c_str())));
    note(Outcome(::unlink(folder_.File("readable/file").c_str())));
    note(Outcome(::symlink("/etc", folder_.File("writable/link").c_str())));
    return outcomes;
  });
  EXPECT_EQ(said, "EACCES EACCES done done done EACCES EACCES ");
}

TEST_F(SandboxFilesTest, NobodyElseIsSignalled) {
  const auto version = LandlockVersion();
  if (version.value() < 6) GTEST_SKIP() << "Landlock keeps signals in only since its version 6";
  needs_.capabilities = EffectiveCapabilities();
  EXPECT_EQ(
      InSandbox(
          needs_,
          [] { return Outcome(::kill(::getppid(), 0)) + " " + Outcome(::kill(::getpid(), 0)); }),
      "EPERM done");
}

}  // namespace relay::sandbox_test
