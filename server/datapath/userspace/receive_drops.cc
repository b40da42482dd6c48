#include "server/datapath/userspace/receive_drops.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>

namespace relay {

std::optional<std::uint32_t> ReceiveDrops::Ask(int socket) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t length = sizeof(info);
  if (::getsockopt(socket, SOL_SOCKET, SO_MEMINFO, info.data(), &length) != 0) return std::nullopt;
  return info[SK_MEMINFO_DROPS];
}

}  // namespace relay
