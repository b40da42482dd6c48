#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "protocol/base/bytes.h"
#include "protocol/base/five_tuple.h"
#include "protocol/turn/addresses.h"
#include "server/datapath/userspace/ip_fields.h"

namespace relay {

// Datagrams of strangers (clients without an allocation or association) that wait until what calls
// have sent has left (docs/adr/0020). First in, first out; their octets are copied, for the place
// that they came in is needed. Shard's thread only.
class StrangerQueue {
 public:
  static constexpr std::size_t kDatagrams = 256;
  static constexpr std::size_t kMostOctets = 1024;  // of one; longer ones are rare

  struct Datagram {
    std::uint32_t listener = 0;
    turn::Client client;
    IpFields fields;
    base::MutableBytes octets;
  };

  // Touches all of its memory, so that the first burst does not look like a leak.
  StrangerQueue();

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == kDatagrams; }
  std::size_t size() const { return count_; }
  // Whether one with this 5-tuple waits. Quick, unless one does.
  bool HasOf(const base::FiveTuple& client) const;

  // A copy of one that is no longer than kMostOctets; the queue must not be full.
  void Add(const Datagram& datagram);
  // The oldest; there must be one. It and its octets stay until the next Add.
  const Datagram& Pop();

 private:
  static constexpr std::size_t kHashes = 1024;
  std::size_t Place(std::size_t position) const { return (first_ + position) % kDatagrams; }
  std::uint16_t& CountLike(const base::FiveTuple& client) {
    return counts_[base::FiveTupleHash{}(client) % kHashes];
  }

  std::unique_ptr<std::uint8_t[]> memory_;
  std::unique_ptr<Datagram[]> datagrams_;
  std::array<std::uint16_t, kHashes> counts_{};  // of those that wait, by the hash of the client
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

}  // namespace relay
