#include "server/datapath/userspace/segment_refusals.h"

#include <algorithm>

#include "protocol/base/hash.h"

namespace relay {

SegmentRefusals::Entry& SegmentRefusals::EntryOf(int socket, const SocketAddress& destination) {
  const std::array<std::uint64_t, 3> words = WordsOf(destination);
  const auto number = static_cast<std::uint64_t>(socket);
  return entries_[base::HashWords({number, words[0], words[1], words[2]}) % kEntries];
}

void SegmentRefusals::Note(int socket, const SocketAddress& destination, std::size_t segment) {
  Entry& entry = EntryOf(socket, destination);
  if (entry.questions_left == 0) ++count_;
  entry.destination = destination;
  entry.socket = socket;
  entry.largest = static_cast<std::uint16_t>(segment == 0 ? 0 : std::min(segment, kAnySize) - 1);
  entry.questions_left = kRemembered;
}

std::size_t SegmentRefusals::Find(int socket, const SocketAddress& destination) {
  Entry& entry = EntryOf(socket, destination);
  if (entry.questions_left == 0 || entry.socket != socket ||
      WordsOf(entry.destination) != WordsOf(destination))
    return kAnySize;
  const std::size_t largest = entry.largest;
  if (--entry.questions_left == 0) --count_;
  return largest;
}

}  // namespace relay
