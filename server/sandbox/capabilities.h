#pragma once

#include <cstdint>
#include <string>

#include "protocol/base/result.h"

namespace relay {

// Capabilities as /proc/PID/status has them: bit N is the one of number N (linux/capability.h).
using CapabilityBits = std::uint64_t;

constexpr CapabilityBits BitOf(unsigned capability) { return CapabilityBits{1} << capability; }

// The effective ones of the calling thread; none, if the system does not tell.
CapabilityBits EffectiveCapabilities();

// What is effective, until SetEffectiveCapabilities gives it back. False: the system refuses.
bool SetEffectiveCapabilities(CapabilityBits bits);

// Gives up all others, in the effective, permitted and bounding sets. What is kept is inherited by
// a program that is executed only with `is_inherited`; otherwise the inheritable and ambient sets
// are emptied as well. Only the calling thread: call it before there are others. The bounding set
// stays as it is for somebody without CAP_SETPCAP, who could gain nothing by it either (no new
// privileges). Error: half a sentence.
base::Result<void> KeepCapabilities(CapabilityBits kept, bool is_inherited);

// "CAP_BPF, CAP_NET_ADMIN"; "none".
std::string CapabilityNames(CapabilityBits bits);

}  // namespace relay
