#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "server/datapath/userspace/ip_fields.h"
#include "server/datapath/userspace/socket_address.h"

namespace relay {

// Buffers for datagrams on their way through the relay: each is read into at an offset, so that a
// header can be written in front of the payload where it lies. One batch per shard, reused for
// ever; memory beyond the size of ordinary datagrams is touched only by larger ones.
class PacketBatch {
 public:
  static constexpr std::size_t kPackets = 128;
  static constexpr std::size_t kHeadroom = 64;
  static constexpr std::size_t kPayload = 65536;  // more than any UDP datagram
  static constexpr std::size_t kTailroom = 64;

  PacketBatch();
  ~PacketBatch();
  PacketBatch(const PacketBatch&) = delete;
  PacketBatch& operator=(const PacketBatch&) = delete;

  struct Packet {
    base::MutableBytes payload;  // with kHeadroom octets before it and kTailroom after
    SocketAddress source;
    base::IpAddress local;  // the address it was sent to; only from sockets that report it
    IpFields fields;        // from sockets that tell them (EnableIpFields)
    bool is_truncated = false;
    bool is_to_group = false;  // sent to a broadcast or multicast address
  };
  Packet& operator[](std::size_t index) { return packets_[index]; }
  // The room of a datagram, for octets that are to live as long as one read into it would.
  base::MutableBytes Scratch(std::size_t index) {
    return {buffer(index) + kHeadroom, kOrdinaryPayload};
  }

  // Reads at most `limit` datagrams of a UDP socket into the buffers from `first` on and returns
  // how many. 0: nothing to read now, or an error, which for UDP is a report about an earlier
  // datagram and no reason to stop. `*overflow`, if given, becomes the socket's count of lost
  // datagrams, when it is told (SO_RXQ_OVFL).
  std::size_t Receive(int socket, std::size_t first, std::size_t limit,
                      std::uint32_t* overflow = nullptr);

 private:
  // Touched at the start, so that the first burst does not look like a leak.
  static constexpr std::size_t kOrdinaryPayload = 2048;
  static constexpr std::size_t kStride = kHeadroom + kPayload + kTailroom;
  // Both versions of IP_PKTINFO, which a dual-stack socket tells at once, the count of lost
  // datagrams, and the fields.
  static constexpr std::size_t kControl = 192;

  std::uint8_t* buffer(std::size_t index) const { return memory_ + index * kStride; }
  void ReadControl(msghdr& header, Packet& packet, std::uint32_t* overflow) const;

  std::uint8_t* memory_;
  std::array<Packet, kPackets> packets_;
  // Filled in once; after a read only what the system changed is put back, so that reading one
  // datagram costs one.
  std::array<mmsghdr, kPackets> headers_{};
  std::array<iovec, kPackets> vectors_{};
  alignas(cmsghdr) std::array<std::array<std::uint8_t, kControl>, kPackets> control_{};
};

}  // namespace relay
