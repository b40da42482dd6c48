#include "bench/loadgen/poller.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>

namespace loadgen {
namespace {

epoll_event Describe(Poller::Kind kind, std::uint32_t index, bool wants_write) {
  epoll_event event{};
  event.events = EPOLLIN | (wants_write ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  event.data.u64 = (static_cast<std::uint64_t>(kind) << 32) | index;
  return event;
}

}  // namespace

base::Result<Poller> Poller::Create() {
  FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.is_open()) {
    return base::Error{std::string("cannot create an epoll instance: ") + std::strerror(errno)};
  }
  return Poller(std::move(epoll));
}

base::Result<void> Poller::Watch(const FileDescriptor& socket, Kind kind, std::uint32_t index,
                                 bool wants_write) {
  epoll_event event = Describe(kind, index, wants_write);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0) {
    return base::Error{std::string("cannot watch a socket: ") + std::strerror(errno)};
  }
  return {};
}

void Poller::SetWantsWrite(const FileDescriptor& socket, Kind kind, std::uint32_t index,
                           bool wants_write) {
  epoll_event event = Describe(kind, index, wants_write);
  CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket.get(), &event) == 0);
}

std::span<const Poller::Event> Poller::Wait(std::chrono::nanoseconds timeout) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  timespec limit{};
  limit.tv_sec = seconds.count();
  limit.tv_nsec = (timeout - seconds).count();
  const int count =
      ::epoll_pwait2(epoll_.get(), raw_.data(), static_cast<int>(raw_.size()), &limit, nullptr);
  if (count <= 0) return {};
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const std::uint64_t data = raw_[i].data.u64;
    const std::uint32_t bits = raw_[i].events;
    events_[i] = {.kind = static_cast<Kind>(data >> 32),
                  .index = static_cast<std::uint32_t>(data),
                  .is_writable = (bits & EPOLLOUT) != 0,
                  .is_readable = (bits & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0};
  }
  return std::span<const Event>(events_).first(static_cast<std::size_t>(count));
}

}  // namespace loadgen
