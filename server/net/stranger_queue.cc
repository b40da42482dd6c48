#include "server/net/stranger_queue.h"

#include <algorithm>

#include "protocol/base/check.h"

namespace relay {

StrangerQueue::StrangerQueue()
    : memory_(std::make_unique<std::uint8_t[]>(kDatagrams * kMostOctets)),
      datagrams_(std::make_unique<Datagram[]>(kDatagrams)) {}

bool StrangerQueue::HasOf(const base::FiveTuple& client) const {
  if (counts_[base::FiveTupleHash{}(client) % kHashes] == 0) return false;
  for (std::size_t i = 0; i < count_; ++i) {
    if (datagrams_[Place(i)].client.five_tuple == client) return true;
  }
  return false;
}

void StrangerQueue::Add(const Datagram& datagram) {
  CHECK(!full() && datagram.octets.size() <= kMostOctets);
  const std::size_t place = Place(count_++);
  std::uint8_t* const copy = memory_.get() + place * kMostOctets;
  std::copy(datagram.octets.begin(), datagram.octets.end(), copy);
  datagrams_[place] = datagram;
  datagrams_[place].octets = {copy, datagram.octets.size()};
  ++CountLike(datagram.client.five_tuple);
}

const StrangerQueue::Datagram& StrangerQueue::Pop() {
  CHECK(!empty());
  const Datagram& oldest = datagrams_[first_];
  first_ = Place(1);
  --count_;
  --CountLike(oldest.client.five_tuple);
  return oldest;
}

}  // namespace relay
