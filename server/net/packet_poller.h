#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <span>

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
  // `on_ready` is called on the io_context's thread with the descriptors that are readable. At most
  // kRounds rounds run before other handlers of the io_context get their turn.
  PacketPoller(boost::asio::io_context& io, std::function<void(std::span<const Ready>)> on_ready);

  // False: the system has no room for it.
  bool Add(int socket);
  void Remove(int socket);

  void Start();
  // Serves what is readable now, in one round. For handlers of the io_context that take long.
  void ServeOnce();

 private:
  static constexpr int kRounds = 8;

  void Wait();
  void Run();
  // False: nothing was readable.
  bool Round();

  std::function<void(std::span<const Ready>)> on_ready_;
  boost::asio::posix::stream_descriptor epoll_;
  std::array<epoll_event, 64> events_{};
  std::array<Ready, 64> ready_{};
};

}  // namespace relay
