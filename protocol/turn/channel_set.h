#pragma once

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <optional>
#include <span>

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
    const auto kept = std::remove_if(channels_.begin(), channels_.end(), is_over);
    const auto removed = static_cast<std::size_t>(channels_.end() - kept);
    channels_.erase(kept, channels_.end());
    return removed;
  }

  // Changes that keep peer and order.
  std::span<ChannelBinding> all() { return {channels_.data(), channels_.size()}; }
  std::span<const ChannelBinding> all() const { return {channels_.data(), channels_.size()}; }
  std::size_t size() const { return channels_.size(); }
  std::optional<base::MonotonicTime> EarliestExpiry() const;

 private:
  boost::container::small_vector<ChannelBinding, 1> channels_;  // most have one
};

}  // namespace turn
