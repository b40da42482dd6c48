#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "server/datapath/userspace/ip_fields.h"
#include "server/datapath/userspace/segment_refusals.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/metrics/shard_counters.h"

namespace relay {

// Datagrams that wait for the end of a batch. Then those of one socket leave in one system call,
// and those to one destination in their order, runs of equal size as one message that the system
// takes apart (UDP_SEGMENT, docs/adr/0013). Octets are not copied but for AddCopy; they must stay
// where they are until Flush. One queue per shard.
class SendQueue {
 public:
  // What the system would not take, and what found no room in the buffer of the socket or of the
  // interface. Both must outlive the queue.
  SendQueue(Counter& send_failed, Counter& buffer_full);

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
  // Whether anything waits to leave by this socket.
  bool HasOf(int socket) const;

  static constexpr std::size_t kMaxCopyBytes = 17 * 1024;

 private:
  using Index = std::uint16_t;
  static constexpr std::size_t kEntries = 256;
  static constexpr Index kNone = 0xffff;
  static constexpr std::size_t kSlots = 2 * kEntries;
  static constexpr std::size_t kSegmentControl = CMSG_SPACE(sizeof(std::uint16_t));
  static constexpr std::size_t kControl = CMSG_SPACE(32) + kIpFieldsControlBytes + kSegmentControl;
  // UDP_MAX_SEGMENTS of Linux before 6.9, and what fits an IPv4 packet.
  static constexpr std::size_t kMaxSegments = 64;
  static constexpr std::size_t kMaxMessageBytes = 65507;

  struct Entry {
    iovec octets;
    IpFields fields;
    Index next;  // of the same flow
  };
  // Datagrams of one socket to one destination, from one address.
  struct Flow {
    std::array<std::uint64_t, 6> key;
    SocketAddress destination;
    int socket;
    bool has_local;
    base::IpAddress local;
    Index first;
    Index last;
    Index next;  // of the same socket
    Index slot;
  };
  // Flows of one socket.
  struct Group {
    int socket;
    Index first;
    Index last;
    Index slot;
  };
  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, kControl> octets;
  };

  Flow& FlowOf(int socket, const SocketAddress& destination, const base::IpAddress* local);
  void AddToGroup(Index flow);
  // Where the socket's group is, or would be.
  std::size_t GroupSlotOf(int socket) const;
  // Makes messages of a flow's datagrams, from the first free one on.
  void Describe(Flow& flow);
  void FlushGroup(const Group& group);
  void Send(int socket, mmsghdr* messages, std::size_t count);
  // Counts a message that was refused, or sends its datagrams one by one.
  void OnRefused(int socket, const mmsghdr& message, int error);

  Counter& send_failed_;
  Counter& buffer_full_;
  const bool can_segment_;
  SegmentRefusals refusals_;

  std::size_t used_ = 0;
  std::size_t flow_count_ = 0;
  std::size_t group_count_ = 0;
  std::size_t copied_ = 0;
  Index latest_flow_ = kNone;
  std::array<Entry, kEntries> entries_;
  std::array<Flow, kEntries> flows_;
  std::array<Group, kEntries> groups_;
  std::array<Index, kSlots> flow_slots_;   // open addressing by key
  std::array<Index, kSlots> group_slots_;  // by socket

  // Of the group that is being sent.
  std::size_t message_count_ = 0;
  std::size_t vector_count_ = 0;
  std::array<mmsghdr, kEntries> messages_{};
  std::array<iovec, kEntries> vectors_;
  std::array<Control, kEntries> controls_{};
  std::array<mmsghdr, kMaxSegments> singles_{};

  std::unique_ptr<std::array<std::uint8_t, kEntries * 512>> copies_;
};

}  // namespace relay
