#include "server/app/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "server/net/listener_socket.h"

namespace relay {

void NotifyServiceManager(std::string_view state) {
  const char* const value = std::getenv("NOTIFY_SOCKET");
  if (value == nullptr) return;
  const std::string_view path = value;
  sockaddr_un address{};
  // A name that begins with "@" is none of a file.
  if (path.size() < 2 || path.size() >= sizeof(address.sun_path) ||
      (path[0] != '/' && path[0] != '@'))
    return;
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, address.sun_path);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  static_cast<void>(::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), length));
}

}  // namespace relay
