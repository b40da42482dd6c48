#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "server/datapath/userspace/ip_fields.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/metrics/shard_counters.h"

namespace relay {

// Datagrams that wait for the end of a batch: then those of one socket leave in one system call, in
// their order. Octets are not copied but for AddCopy; they must stay where they are until Flush.
// One queue per shard.
class SendQueue {
 public:
  // `send_failed` counts what the system would not take. Must outlive the queue.
  explicit SendQueue(Counter& send_failed);

  // `local` is the address to send from when the socket is bound to a wildcard; nullptr otherwise.
  // `destination` must be in the socket's family. `fields` are those of the packet that leaves.
  void Add(int socket, const SocketAddress& destination, base::Bytes octets,
           const base::IpAddress* local = nullptr, const IpFields& fields = {});
  // The same with a copy; at most kMaxCopyBytes octets.
  void AddCopy(int socket, const SocketAddress& destination, base::Bytes octets,
               const base::IpAddress* local = nullptr);

  // Sends everything. A datagram that the system refuses is dropped and counted, and the next one
  // goes on.
  void Flush();

  bool empty() const { return used_ == 0; }

  static constexpr std::size_t kMaxCopyBytes = 17 * 1024;

 private:
  static constexpr std::size_t kEntries = 128;
  static constexpr std::size_t kControl = CMSG_SPACE(32) + kIpFieldsControlBytes;

  struct Entry {
    int socket;
    SocketAddress destination;
    iovec octets;
    std::optional<base::IpAddress> local;
    IpFields fields;
  };
  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, kControl> octets;
  };

  // Describes an entry to the system, with the control messages that it needs.
  static void Describe(Entry& entry, Control& control, msghdr& header);

  Counter& send_failed_;
  std::size_t used_ = 0;
  std::size_t copied_ = 0;
  std::array<Entry, kEntries> entries_;
  std::array<bool, kEntries> is_sent_{};
  std::array<mmsghdr, kEntries> headers_{};
  std::array<Control, kEntries> controls_{};
  std::unique_ptr<std::array<std::uint8_t, kEntries * 512>> copies_;
};

}  // namespace relay
