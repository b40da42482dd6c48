#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>

#include "protocol/base/time.h"

namespace relay {

// The UDP sockets of a shard in one epoll set, which Asio watches as a single descriptor: a socket
// costs no Asio object, a wake-up no handler of its own, and what is read in one round can leave in
// one round (docs/adr/0004).
class PacketPoller {
 public:
  struct Ready {
    int socket;
    bool has_errors;  // about earlier datagrams, in its error queue
  };
  static constexpr std::size_t kReadyPerRound = 64;
  struct Served {
    std::size_t datagrams = 0;
    bool has_more = false;  // to do, also if no socket is readable
  };
  // Rounds are numbered; between two with sockets and consecutive numbers there was no look that
  // found nothing. Without sockets it is called as long as it has more to do.
  using OnReady = std::function<Served(std::span<const Ready> sockets, std::uint8_t round)>;

  // `on_ready` is called on the io_context's thread with the descriptors that are readable. At most
  // kRounds rounds run before other handlers of the io_context get their turn.
  // With `busy_poll`, it goes on asking for so long after the last packet before it waits to be
  // woken; between two questions the other handlers get their turn, too.
  PacketPoller(boost::asio::io_context& io, std::chrono::microseconds busy_poll, OnReady on_ready);

  // False: the system has no room for it.
  bool Add(int socket);
  void Remove(int socket);

  void Start();
  // Serves what is readable now, in one round, and what is left to do then soon. For handlers of
  // the io_context that take long.
  void ServeOnce();

 private:
  static constexpr int kRounds = 8;
  // So many datagrams since it was woken are a load at which fewer wake-ups count for more.
  static constexpr std::size_t kLoad = 16;

  void Wait();
  void Run();
  void RunLater();
  // Whether to look once more before it waits.
  bool IsSpinning();
  // False: nothing was readable, and nothing left to do.
  bool Round();
  // Goes on with what a round of ServeOnce has left: Run may wait for a socket.
  void FinishLater();
  // Whether there was a load, so that others shall run before it waits to be woken.
  bool Yields();

  OnReady on_ready_;
  boost::asio::posix::stream_descriptor epoll_;
  const std::chrono::microseconds busy_poll_;
  base::MonotonicTime spin_until_{};
  bool had_packets_ = false;  // since spin_until_ was set
  bool has_more_ = false;     // to do, as the last round said
  bool is_finishing_ = false;
  std::uint8_t round_ = 0;
  std::size_t datagrams_ = 0;  // since it last had nothing to read
  std::array<epoll_event, kReadyPerRound> events_{};
  std::array<Ready, kReadyPerRound> ready_{};
};

}  // namespace relay
