#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/doctor/finding.h"

namespace relay {

// What a server can give up on this system.
struct SandboxFacts {
  std::string no_rules_for_files;  // why Landlock is not to be had; empty: it is
  std::string no_filter;           // why seccomp is not to be had; empty: it is
  // Of the server that runs: whether it has given up new privileges and has a filter. nullopt: none
  // runs, or it is another user's.
  std::optional<bool> is_in_force;
};

// `proc` is where procfs is mounted, `server` the running one.
SandboxFacts ReadSandboxFacts(const std::string& proc, std::optional<std::int32_t> server);

// Area "sandbox". `is_wanted`: process.sandbox. Pure.
Findings CheckSandbox(const SandboxFacts& facts, bool is_wanted);

}  // namespace relay
