#include "protocol/turn/move_table.h"

#include <utility>

#include "protocol/base/check.h"

namespace turn {

bool Move::Keep(std::optional<stun::ChannelNumber> channel, base::Bytes octets) {
  if (waiting_.size() >= kMaxWaiting || waiting_bytes_ + octets.size() > kMaxWaitingBytes)
    return false;
  waiting_bytes_ += octets.size();
  waiting_.push_back({channel, {octets.begin(), octets.end()}});
  return true;
}

std::vector<WaitingMessage> Move::TakeWaiting() {
  waiting_bytes_ = 0;
  return std::exchange(waiting_, {});
}

Move* MoveTable::Find(const base::FiveTuple& five_tuple) const {
  const auto found = moves_.find(five_tuple);
  return found == moves_.end() ? nullptr : found->second.get();
}

void MoveTable::Insert(const Client& client, std::uint64_t allocation_id, ShardIndex owner) {
  const bool is_new =
      moves_.emplace(client.five_tuple, std::make_unique<Move>(client, allocation_id, owner))
          .second;
  CHECK(is_new);
}

}  // namespace turn
