#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/loadgen/socket.h"
#include "protocol/base/bytes.h"

namespace loadgen {

// Buffers for up to 64 datagrams that one system call receives or sends. Allocates when it is made,
// never later; cannot be copied or moved, since the system's structures point into it.
class DatagramBatch {
 public:
  static constexpr std::size_t kCapacity = 64;

  // No datagram is longer than `slot_bytes`; a longer one that comes in is cut off.
  explicit DatagramBatch(std::size_t slot_bytes);
  DatagramBatch(const DatagramBatch&) = delete;
  DatagramBatch& operator=(const DatagramBatch&) = delete;

  // Receiving. The number of datagrams, 0 when there are none; on any other failure 0 with errno
  // set.
  std::size_t Receive(const FileDescriptor& socket);
  base::Bytes datagram(std::size_t i) const;
  base::Endpoint source(std::size_t i) const { return addresses_[i].endpoint(); }
  // Sends the first `count` received datagrams back to where they came from; how many went out.
  std::size_t SendBack(const FileDescriptor& socket, std::size_t count);

  // Sending. The whole slot of the next datagram, to be written and then appended; only while
  // !is_full().
  base::MutableBytes next_slot();
  void Append(std::size_t datagram_bytes, const SocketAddress& destination);
  std::size_t size() const { return size_; }
  bool is_full() const { return size_ == kCapacity; }
  // Sends all that were appended and empties the batch; how many went out, counted from the first.
  std::size_t Send(const FileDescriptor& socket);

 private:
  std::size_t slot_bytes_;
  std::vector<std::uint8_t> storage_;
  std::array<SocketAddress, kCapacity> addresses_;
  std::array<iovec, kCapacity> pieces_{};
  std::array<mmsghdr, kCapacity> headers_{};
  std::size_t size_ = 0;
  std::size_t dirty_ = kCapacity;  // slots whose lengths are not as Receive needs them
};

}  // namespace loadgen
