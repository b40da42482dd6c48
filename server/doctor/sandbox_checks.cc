#include "server/doctor/sandbox_checks.h"

#include <fstream>

#include "server/sandbox/file_rules.h"
#include "server/sandbox/system_call_filter.h"

namespace relay {
namespace {

constexpr const char* kArea = "sandbox";

// Lines of /proc/PID/status.
std::optional<bool> ReadIsInForce(const std::string& path) {
  std::ifstream status(path);
  std::optional<bool> has_privileges;
  std::optional<bool> has_filter;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("NoNewPrivs:")) has_privileges = line.ends_with('1');
    if (line.starts_with("Seccomp:")) has_filter = line.ends_with('2');
  }
  if (!has_privileges || !has_filter) return std::nullopt;
  return *has_privileges && *has_filter;
}

}  // namespace

SandboxFacts ReadSandboxFacts(const std::string& proc, std::optional<std::int32_t> server) {
  SandboxFacts facts;
  if (const auto version = LandlockVersion(); !version.ok())
    facts.no_rules_for_files = version.error().message;
  if (const auto filter = SystemCallFilterSupport(); !filter.ok())
    facts.no_filter = filter.error().message;
  if (server) facts.is_in_force = ReadIsInForce(proc + "/" + std::to_string(*server) + "/status");
  return facts;
}

Findings CheckSandbox(const SandboxFacts& facts, bool is_wanted) {
  if (!is_wanted) {
    return {Warning(kArea,
                    "the server keeps all its rights after the start (process.sandbox: false)",
                    "take that key out once you know what you wanted to find out")};
  }
  Findings findings;
  if (!facts.no_rules_for_files.empty()) {
    findings.push_back(Warning(
        kArea, "the server keeps the right to every file of its user: " + facts.no_rules_for_files,
        "Linux 5.13 or later with landlock in lsm=; a container needs a "
        "seccomp profile that lets landlock_restrict_self() through"));
  }
  if (!facts.no_filter.empty()) {
    findings.push_back(Warning(kArea, "the server keeps every system call: " + facts.no_filter,
                               "a container needs a seccomp profile that lets seccomp() through"));
  }
  if (facts.is_in_force && !*facts.is_in_force && facts.no_filter.empty()) {
    findings.push_back(Warning(kArea, "the server that runs has not given up its rights",
                               "look for `could not be given up` in its log, or restart it"));
  }
  if (findings.empty()) {
    findings.push_back(Fine(kArea, facts.is_in_force
                                       ? "the server has given up the rights that it does not need"
                                       : "a server gives up the rights that it does not need"));
  }
  return findings;
}

}  // namespace relay
