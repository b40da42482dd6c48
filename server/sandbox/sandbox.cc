#include "server/sandbox/sandbox.h"

#include <sys/prctl.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "server/sandbox/sanitizer.h"

namespace relay {
namespace {

std::atomic<CapabilityBits> given_up_capabilities{0};

// 0: the system does not tell.
std::size_t CountThreads() {
  std::error_code error;
  std::size_t count = 0;
  for (auto each = std::filesystem::directory_iterator("/proc/self/task", error);
       !error && each != std::filesystem::directory_iterator(); each.increment(error))
    ++count;
  return error ? 0 : count;
}

base::Result<void> GiveUpFiles(const FileRules& rules) {
  if (kIsSanitized) return base::Error{"a sanitizer opens files anywhere"};
  return RestrictFiles(rules);
}

}  // namespace

SandboxReport EnterSandbox(const SandboxNeeds& needs) {
  SandboxReport report;
  const auto note = [&report](const char* what, const base::Result<void>& done) {
    if (!done.ok()) report.missing.push_back(std::string(what) + ": " + done.error().message);
  };
  if (!kIsSanitized && CountThreads() > 1)
    report.missing.emplace_back("threads: some were started before and keep what they have");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    report.missing.push_back(std::string("no new privileges: ") + std::strerror(errno));
  const CapabilityBits held = EffectiveCapabilities();
  note("capabilities", KeepCapabilities(needs.capabilities, needs.system_calls.execution));
  note("files", GiveUpFiles(needs.files));
  note("system calls", FilterSystemCalls(needs.system_calls));
  report.capabilities = EffectiveCapabilities();
  given_up_capabilities = held & ~report.capabilities;
  return report;
}

CapabilityBits GivenUpCapabilities() { return given_up_capabilities; }

}  // namespace relay
