#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "protocol/base/bytes.h"
#include "protocol/base/five_tuple.h"
#include "protocol/stun/channel_data.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/expiry_wheel.h"

namespace turn {

// What a client said while its allocation was on its way from another shard.
struct WaitingMessage {
  std::optional<stun::ChannelNumber> channel;  // nullopt: a STUN message
  std::vector<std::uint8_t> octets;            // the message, or the data of the channel
};

// A pending move (RFC 8016 section 3.2.2): a client whose Refresh with a ticket was granted, and
// which has to speak before the allocation is its own.
class Move : public ExpiryWheel::Entry {
 public:
  Move(const Client& new_client, std::uint64_t id, ShardIndex shard)
      : Entry(ExpiryWheel::Kind::kMove), client(new_client), allocation_id(id), owner(shard) {}

  Client client;
  std::uint64_t allocation_id;
  ShardIndex owner;  // has the allocation until then

  // The owner is another shard and was asked to hand the allocation over. What the client says
  // meanwhile waits.
  bool is_asked = false;
  // False: too much waits already.
  [[nodiscard]] bool Keep(std::optional<stun::ChannelNumber> channel, base::Bytes octets);
  std::vector<WaitingMessage> TakeWaiting();

 private:
  static constexpr std::size_t kMaxWaiting = 32;
  static constexpr std::size_t kMaxWaitingBytes = 64 * 1024;

  std::vector<WaitingMessage> waiting_;
  std::size_t waiting_bytes_ = 0;
};

// The pending moves to the clients of one engine, found by 5-tuple. There are no more than
// allocations, in all shards together. A pointer lives until Erase.
class MoveTable {
 public:
  bool empty() const { return moves_.empty(); }
  std::size_t size() const { return moves_.size(); }

  Move* Find(const base::FiveTuple& five_tuple) const;
  // The 5-tuple must be new to the table.
  void Insert(const Client& client, std::uint64_t allocation_id, ShardIndex owner);
  void Erase(const base::FiveTuple& five_tuple) { moves_.erase(five_tuple); }

 private:
  boost::unordered_flat_map<base::FiveTuple, std::unique_ptr<Move>, base::FiveTupleHash> moves_;
};

}  // namespace turn
