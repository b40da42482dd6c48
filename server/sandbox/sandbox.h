#pragma once

#include <string>
#include <vector>

#include "server/sandbox/capabilities.h"
#include "server/sandbox/file_rules.h"
#include "server/sandbox/system_call_filter.h"

namespace relay {

// What a process goes on needing when it has opened everything that it serves with.
struct SandboxNeeds {
  CapabilityBits capabilities = 0;  // of those that it has
  FileRules files;
  SystemCallNeeds system_calls;
};

struct SandboxReport {
  CapabilityBits capabilities = 0;  // that are left
  // What could not be given up on this system, each with its reason; empty: all of it is in force.
  std::vector<std::string> missing;
};

// Gives up, for good, everything else: new privileges, capabilities, files, system calls. What the
// system does not support is left out and reported. To be called while there is one thread: those
// that are started later inherit all of it, and so do programs, which are executed only if
// `needs.system_calls.execution` is set. For such a program, `needs.files.executable` must name it,
// its loader and its libraries; it starts with the same filter, the same rules for files (it can
// only narrow them), no capabilities but those kept here, and none from its file. A new version
// that is to load another BPF program or to read files elsewhere is therefore better started by a
// helper that was forked before this call.
SandboxReport EnterSandbox(const SandboxNeeds& needs);

// The capabilities that EnterSandbox took away. Any thread.
CapabilityBits GivenUpCapabilities();

}  // namespace relay
