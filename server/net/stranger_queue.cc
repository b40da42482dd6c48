#include "server/net/stranger_queue.h"

#include <algorithm>

#include "protocol/base/check.h"

namespace relay {

StrangerQueue::StrangerQueue()
    : memory_(std::make_unique<std::uint8_t[]>(kDatagrams * kMostOctets)),
      places_of_(std::make_unique<Place[]>(kDatagrams)) {}

void StrangerQueue::Add(const Datagram& datagram) {
  CHECK(!full() && datagram.octets.size() <= kMostOctets);
  const std::size_t position = places_++;
  Place& place = At(position);
  std::uint8_t* const copy = memory_.get() + IndexOf(position) * kMostOctets;
  std::copy(datagram.octets.begin(), datagram.octets.end(), copy);
  place = {datagram, false};
  place.datagram.octets = {copy, datagram.octets.size()};
  ++waiting_;
  ++CountLike(datagram.client.five_tuple);
}

const StrangerQueue::Datagram* StrangerQueue::Take() {
  while (places_ > 0) {
    Place& oldest = At(0);
    first_ = (first_ + 1) % kDatagrams;
    --places_;
    if (!oldest.is_taken) return TakeFrom(oldest);
  }
  return nullptr;
}

const StrangerQueue::Datagram* StrangerQueue::TakeOf(const base::FiveTuple& client) {
  if (waiting_ == 0 || CountLike(client) == 0) return nullptr;
  for (std::size_t i = 0; i < places_; ++i) {
    Place& place = At(i);
    if (!place.is_taken && place.datagram.client.five_tuple == client) return TakeFrom(place);
  }
  return nullptr;
}

const StrangerQueue::Datagram* StrangerQueue::TakeFrom(Place& place) {
  place.is_taken = true;
  --waiting_;
  --CountLike(place.datagram.client.five_tuple);
  return &place.datagram;
}

}  // namespace relay
