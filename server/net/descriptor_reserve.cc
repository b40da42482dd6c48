#include "server/net/descriptor_reserve.h"

#include <sys/resource.h>

#include <algorithm>

namespace relay {
namespace {

std::uint64_t LimitWithout(std::uint32_t reserve) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  return limit.rlim_cur - std::min<std::uint64_t>(reserve, limit.rlim_cur / 4);
}

}  // namespace

bool LeavesReserve(int descriptor, std::uint32_t reserve) {
  return descriptor >= 0 && static_cast<std::uint64_t>(descriptor) < LimitWithout(reserve);
}

std::uint64_t DescriptorsForRelays() { return LimitWithout(kReservedFromRelays); }

}  // namespace relay
