#include "server/datapath/kernel/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace relay {
namespace {

// The effective ones; without libcap, which would be one more library.
bool HasCapability(unsigned capability) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[capability / 32].effective & (1U << (capability % 32))) != 0;
}

// CAP_SYS_ADMIN stands for those that were split off it.
bool HasOrAdmin(unsigned capability) {
  return HasCapability(capability) || HasCapability(CAP_SYS_ADMIN);
}

}  // namespace

std::string MissingCapabilities() {
  std::string missing;
  if (!HasOrAdmin(CAP_BPF)) missing = "CAP_BPF";
  if (!HasCapability(CAP_NET_ADMIN))
    missing += (missing.empty() ? "" : " and ") + std::string("CAP_NET_ADMIN");
  return missing;
}

bool HasPerfmonCapability() { return HasOrAdmin(CAP_PERFMON); }

}  // namespace relay
