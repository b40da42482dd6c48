#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "protocol/base/time.h"
#include "protocol/stun/channel_data.h"
#include "protocol/turn/addresses.h"

namespace turn {

// A channel number bound to a peer's transport address (RFC 8656 section 12).
struct ChannelBinding {
  PeerAddress peer;
  stun::ChannelNumber number;
  bool is_own_relay = false;
  base::MonotonicTime expires_at;
};

// The channels of one allocation, sorted by peer, because packets from peers ask for it; only
// ChannelBind asks for a number. What has expired counts as absent at once, and leaves the set with
// RemoveIf.
class ChannelSet {
 public:
  // nullptr: none, or expired. Pointers live until the set is changed.
  const ChannelBinding* FindByPeer(const PeerAddress& peer, base::MonotonicTime now) const;
  const ChannelBinding* FindByNumber(stun::ChannelNumber number, base::MonotonicTime now) const;

  // Adds the binding or replaces the one of the same peer; no other peer may hold the number. True:
  // the set has grown.
  bool Install(const ChannelBinding& channel);

  // Removes every binding for which `is_over(channel)` holds and says how many they were.
  template <typename Predicate>
  std::size_t RemoveIf(Predicate&& is_over) {
    return std::erase_if(channels_, is_over);
  }

  // Changes that keep peer and order.
  std::span<ChannelBinding> all() { return channels_; }
  std::span<const ChannelBinding> all() const { return channels_; }
  std::size_t size() const { return channels_.size(); }
  std::optional<base::MonotonicTime> EarliestExpiry() const;

 private:
  std::vector<ChannelBinding> channels_;
};

}  // namespace turn
