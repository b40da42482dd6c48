#include "server/sandbox/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace relay {
namespace {

// Without libcap, which would be one more library for two system calls.
struct ThreadCapabilities {
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> words{};

  bool Read() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    return ::syscall(SYS_capget, &header, words.data()) == 0;
  }
  bool Write() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    return ::syscall(SYS_capset, &header, words.data()) == 0;
  }
};

constexpr std::uint32_t WordOf(CapabilityBits bits, std::size_t index) {
  return static_cast<std::uint32_t>(bits >> (32 * index));
}

// Those that this program may have a use for; others are named by their number.
constexpr std::array kNames{
    std::pair{CAP_DAC_OVERRIDE, std::string_view("CAP_DAC_OVERRIDE")},
    std::pair{CAP_DAC_READ_SEARCH, std::string_view("CAP_DAC_READ_SEARCH")},
    std::pair{CAP_NET_BIND_SERVICE, std::string_view("CAP_NET_BIND_SERVICE")},
    std::pair{CAP_NET_ADMIN, std::string_view("CAP_NET_ADMIN")},
    std::pair{CAP_SYS_ADMIN, std::string_view("CAP_SYS_ADMIN")},
    std::pair{CAP_PERFMON, std::string_view("CAP_PERFMON")},
    std::pair{CAP_BPF, std::string_view("CAP_BPF")},
};

std::string NameOf(unsigned capability) {
  for (const auto& [number, name] : kNames) {
    if (static_cast<unsigned>(number) == capability) return std::string(name);
  }
  return "capability " + std::to_string(capability);
}

base::Error SystemFailure() { return {std::string("the system refuses: ") + std::strerror(errno)}; }

}  // namespace

CapabilityBits EffectiveCapabilities() {
  ThreadCapabilities now;
  if (!now.Read()) return 0;
  return CapabilityBits{now.words[0].effective} | CapabilityBits{now.words[1].effective} << 32;
}

bool SetEffectiveCapabilities(CapabilityBits bits) {
  ThreadCapabilities now;
  if (!now.Read()) return false;
  for (std::size_t i = 0; i < now.words.size(); ++i) now.words[i].effective = WordOf(bits, i);
  return now.Write();
}

base::Result<void> KeepCapabilities(CapabilityBits kept, bool is_inherited) {
  ThreadCapabilities now;
  if (!now.Read()) return SystemFailure();
  if (!is_inherited) ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if ((EffectiveCapabilities() & BitOf(CAP_SETPCAP)) != 0) {
    // The first number that the kernel does not know ends it.
    for (unsigned each = 0; ::prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; ++each) {
      if ((kept & BitOf(each)) == 0 && ::prctl(PR_CAPBSET_DROP, each, 0, 0, 0) != 0)
        return SystemFailure();
    }
  }
  for (std::size_t i = 0; i < now.words.size(); ++i) {
    now.words[i].permitted &= WordOf(kept, i);
    now.words[i].effective &= WordOf(kept, i);
    now.words[i].inheritable &= is_inherited ? WordOf(kept, i) : 0;
  }
  if (!now.Write()) return SystemFailure();
  return {};
}

std::string CapabilityNames(CapabilityBits bits) {
  std::string names;
  for (unsigned each = 0; each < 64; ++each) {
    if ((bits & BitOf(each)) != 0) names += (names.empty() ? "" : ", ") + NameOf(each);
  }
  return names.empty() ? "none" : names;
}

}  // namespace relay
