#include "server/upgrade/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace relay {
namespace {

base::Error SystemError(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

base::Result<sockaddr_un> ToAddress(const std::string& path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return base::Error{"the socket path \"" + path + "\" is empty or too long"};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, address.sun_path);
  return address;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Descriptor OpenSocket(int more) {
  return Descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | more, 0));
}

// The descriptors of a message are ours to close, whatever else is wrong with it.
std::vector<Descriptor> TakeDescriptors(msghdr& message) {
  std::vector<Descriptor> taken;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      taken.emplace_back(number);
    }
  }
  return taken;
}

std::optional<ucred> PeerOf(int socket) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return peer;
}

}  // namespace

base::Result<UpgradeChannel> UpgradeChannel::Connect(const std::string& path) {
  const auto address = ToAddress(path);
  if (!address.ok()) return address.error();
  Descriptor socket = OpenSocket(SOCK_NONBLOCK);
  if (socket.get() < 0 ||
      ::connect(socket.get(), Generic(address.value()), sizeof(sockaddr_un)) != 0)
    return SystemError("cannot connect to " + path);
  return UpgradeChannel(std::move(socket));
}

base::Result<void> UpgradeChannel::WaitUntil(Readiness what, base::MonotonicTime deadline) const {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - base::ReadClocks().monotonic);
    pollfd watched{socket_.get(), POLLIN, 0};
    if (what == Readiness::kToSend) watched.events = POLLOUT;
    const int ready =
        ::poll(&watched, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 600'000)));
    if (ready > 0) return {};
    if (ready == 0) return base::Error{"the other process took too long"};
    if (errno != EINTR) return SystemError("cannot wait for the other process");
  }
}

base::Result<void> UpgradeChannel::Send(std::uint8_t type, base::Bytes payload,
                                        const std::vector<int>& descriptors,
                                        base::MonotonicTime deadline) {
  if (payload.size() + 1 > kMaxFrameBytes || descriptors.size() > kMaxDescriptors)
    return base::Error{"there is more of something than fits a frame"};
  std::array<iovec, 2> parts{
      {{&type, 1}, {const_cast<std::uint8_t*>(payload.data()), payload.size()}}};
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (!descriptors.empty()) {
    const std::size_t bytes = descriptors.size() * sizeof(int);
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(header), descriptors.data(), bytes);
  }
  for (;;) {
    if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return SystemError("cannot send to the other process");
    if (auto waited = WaitUntil(Readiness::kToSend, deadline); !waited.ok()) return waited;
  }
}

base::Result<UpgradeChannel::Frame> UpgradeChannel::Receive(base::MonotonicTime deadline) {
  Frame frame;
  room_.resize(kMaxFrameBytes);
  iovec part{room_.data(), room_.size()};
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  msghdr message{};
  ssize_t received = -1;
  for (;;) {
    message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    received = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (received >= 0) break;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return SystemError("cannot hear the other process");
    if (auto waited = WaitUntil(Readiness::kToReceive, deadline); !waited.ok())
      return waited.error();
  }
  frame.descriptors = TakeDescriptors(message);
  if (received == 0) return base::Error{"the other process is gone"};
  if ((message.msg_flags & MSG_TRUNC) != 0) return base::Error{"a frame is too long"};
  if ((message.msg_flags & MSG_CTRUNC) != 0)
    return base::Error{"there are not enough descriptors for those of the other process"};
  frame.type = room_[0];
  frame.payload.assign(room_.begin() + 1, room_.begin() + received);
  return frame;
}

void UpgradeChannel::StopHearing() { ::shutdown(socket_.get(), SHUT_RD); }

std::optional<std::uint32_t> UpgradeChannel::PeerUser() const {
  const auto peer = PeerOf(socket_.get());
  return peer ? std::optional<std::uint32_t>(peer->uid) : std::nullopt;
}

std::optional<std::int32_t> UpgradeChannel::PeerProcess() const {
  const auto peer = PeerOf(socket_.get());
  return peer ? std::optional<std::int32_t>(peer->pid) : std::nullopt;
}

base::Result<Descriptor> ListenForUpgrade(const std::string& path) {
  const auto address = ToAddress(path);
  if (!address.ok()) return address.error();
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return base::Error{path + " exists and is not a socket"};
    if (UpgradeChannel::Connect(path).ok()) return base::Error{"another server answers on " + path};
    ::unlink(path.c_str());
  }
  Descriptor socket = OpenSocket(SOCK_NONBLOCK);
  if (socket.get() < 0 || ::bind(socket.get(), Generic(address.value()), sizeof(sockaddr_un)) != 0)
    return SystemError("cannot listen on " + path);
  // Nobody can connect before listen(), so nobody gets in under the former mode.
  if (::chmod(path.c_str(), 0600) != 0 || ::listen(socket.get(), 4) != 0) {
    const base::Error error = SystemError("cannot listen on " + path);
    ::unlink(path.c_str());
    return error;
  }
  return socket;
}

}  // namespace relay
