#pragma once

#include "protocol/base/result.h"

// Which system calls a process may make from now on: seccomp, by libseccomp.
namespace relay {

// What of the calls that a relay otherwise never makes is left to it.
struct SystemCallNeeds {
  // bpf(): the datapath in the kernel.
  bool bpf = false;
  // Fork, execve and their like. See EnterSandbox (sandbox.h) for what a program so started
  // inherits.
  bool execution = false;
};

// Error: half a sentence that says why there can be no filter on this system.
base::Result<void> SystemCallFilterSupport();

// For all threads, and for good. What is denied fails with EPERM, as it would for lack of a right,
// and the process goes on: a library of another version that tries something new is to take its
// other way, not to end every call that is relayed. It is a list of what is denied for the same
// reason; the systemd unit has a list of what is allowed on top. Error: half a sentence; nothing is
// filtered then.
base::Result<void> FilterSystemCalls(const SystemCallNeeds& needs);

}  // namespace relay
