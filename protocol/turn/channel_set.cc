#include "protocol/turn/channel_set.h"

#include <algorithm>

namespace turn {
namespace {

template <typename Channels>
auto LowerBound(Channels& channels, const PeerAddress& peer) {
  return std::lower_bound(channels.begin(), channels.end(), peer,
                          [](const ChannelBinding& channel, const PeerAddress& wanted) {
                            return channel.peer < wanted;
                          });
}

}  // namespace

const ChannelBinding* ChannelSet::FindByPeer(const PeerAddress& peer,
                                             base::MonotonicTime now) const {
  const auto found = LowerBound(channels_, peer);
  if (found == channels_.end() || found->peer != peer) return nullptr;
  return found->expires_at > now ? &*found : nullptr;
}

const ChannelBinding* ChannelSet::FindByNumber(stun::ChannelNumber number,
                                               base::MonotonicTime now) const {
  for (const ChannelBinding& channel : channels_) {
    if (channel.number == number && channel.expires_at > now) return &channel;
  }
  return nullptr;
}

bool ChannelSet::Install(const ChannelBinding& channel) {
  const auto position = LowerBound(channels_, channel.peer);
  if (position != channels_.end() && position->peer == channel.peer) {
    *position = channel;
    return false;
  }
  channels_.insert(position, channel);
  return true;
}

std::optional<base::MonotonicTime> ChannelSet::EarliestExpiry() const {
  if (channels_.empty()) return std::nullopt;
  return std::min_element(channels_.begin(), channels_.end(),
                          [](const ChannelBinding& left, const ChannelBinding& right) {
                            return left.expires_at < right.expires_at;
                          })
      ->expires_at;
}

}  // namespace turn
