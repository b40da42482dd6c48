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
// have sent has left (docs/adr/0020). First in, first out, but that those of one client can be
// taken before the others'. Octets are copied, for the place that they came in is needed. Shard's
// thread only.
class StrangerQueue {
 public:
  static constexpr std::size_t kDatagrams = 256;
  static constexpr std::size_t kMostOctets = 1472;  // of one: what an Ethernet frame holds

  struct Datagram {
    std::uint32_t listener = 0;
    turn::Client client;
    IpFields fields;
    base::MutableBytes octets;
  };

  // Touches all of its memory, so that the first burst does not look like a leak.
  StrangerQueue();

  std::size_t size() const { return waiting_; }
  bool empty() const { return waiting_ == 0; }
  // Whether Add has to wait for a Take. TakeOf makes no room.
  bool full() const { return places_ == kDatagrams; }

  // A copy of one that is no longer than kMostOctets; the queue must not be full.
  void Add(const Datagram& datagram);
  // The oldest; nullptr: none. It and its octets stay until the next Add.
  const Datagram* Take();
  // The oldest of this client; nullptr, and quickly, if there is none.
  const Datagram* TakeOf(const base::FiveTuple& client);

 private:
  static constexpr std::size_t kHashes = 1024;
  struct Place {
    Datagram datagram;
    bool is_taken = false;
  };
  std::size_t IndexOf(std::size_t position) const { return (first_ + position) % kDatagrams; }
  Place& At(std::size_t position) { return places_of_[IndexOf(position)]; }
  const Datagram* TakeFrom(Place& place);
  std::uint16_t& CountLike(const base::FiveTuple& client) {
    return counts_[base::FiveTupleHash{}(client) % kHashes];
  }

  std::unique_ptr<std::uint8_t[]> memory_;
  std::unique_ptr<Place[]> places_of_;
  std::array<std::uint16_t, kHashes> counts_{};  // of those that wait, by the hash of the client
  std::size_t first_ = 0;
  std::size_t places_ = 0;   // from there on: those that wait, and those taken out of turn
  std::size_t waiting_ = 0;  // of these
};

}  // namespace relay
