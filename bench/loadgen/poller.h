#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

#include "bench/loadgen/socket.h"
#include "protocol/base/result.h"

namespace loadgen {

// Waits for sockets. Level-triggered; closing a socket ends its watch. One thread.
class Poller {
 public:
  enum class Kind : std::uint8_t { kClient, kPeer };
  struct Event {
    Kind kind;
    std::uint32_t index;  // of the client or peer
    bool is_writable;     // only for what was watched with `wants_write`
    bool is_readable;     // also on errors and on the end of a stream: reading tells
  };

  static base::Result<Poller> Create();

  base::Result<void> Watch(const FileDescriptor& socket, Kind kind, std::uint32_t index,
                           bool wants_write);
  // Changes whether a watched socket is waited for to become writable.
  void SetWantsWrite(const FileDescriptor& socket, Kind kind, std::uint32_t index,
                     bool wants_write);

  // Waits at most `timeout` (0: not at all). The events are valid until the next call.
  std::span<const Event> Wait(std::chrono::nanoseconds timeout);

 private:
  explicit Poller(FileDescriptor epoll) : epoll_(std::move(epoll)) {}

  static constexpr std::size_t kMaxEvents = 512;

  FileDescriptor epoll_;
  std::array<epoll_event, kMaxEvents> raw_{};
  std::array<Event, kMaxEvents> events_{};
};

}  // namespace loadgen
