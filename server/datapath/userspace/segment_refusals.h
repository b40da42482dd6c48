#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/datapath/userspace/socket_address.h"

namespace relay {

// Where the system would not send several datagrams as one message (UDP_SEGMENT), so that it is not
// asked at every turn: the path is too narrow for datagrams of their size, or the interface cannot
// do it at all. A refusal is forgotten after kRemembered questions, since paths change. A fixed
// table in which an entry may push another one out; no heap.
class SegmentRefusals {
 public:
  static constexpr std::uint16_t kRemembered = 1000;
  static constexpr std::size_t kAnySize = 65535;

  // Datagrams of `segment` octets and more do not leave in segments; 0: none do.
  void Note(int socket, const SocketAddress& destination, std::size_t segment);
  // The largest datagrams that may leave in segments; kAnySize unless there was a refusal.
  std::size_t LargestSegment(int socket, const SocketAddress& destination) {
    return count_ == 0 ? kAnySize : Find(socket, destination);
  }

 private:
  static constexpr std::size_t kEntries = 256;
  struct Entry {
    SocketAddress destination;
    int socket = -1;
    std::uint16_t largest = 0;
    std::uint16_t questions_left = 0;  // 0: free
  };

  Entry& EntryOf(int socket, const SocketAddress& destination);
  std::size_t Find(int socket, const SocketAddress& destination);

  std::array<Entry, kEntries> entries_{};
  std::size_t count_ = 0;
};

}  // namespace relay
