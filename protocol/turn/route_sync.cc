#include <algorithm>

#include "protocol/turn/engine_state.h"

// The permissions and channels of an allocation, and the copy of them that datapaths hold: whatever
// changes a set here also installs or removes the routes that depend on it.
namespace turn {

void Engine::State::InstallPermission(Allocation& allocation, const base::IpAddress& address,
                                      base::MonotonicTime now) {
  const bool is_own_relay = policy_->peers.JudgeAddress(address) == PeerPolicy::Verdict::kOwnRelay;
  const base::MonotonicTime expires_at = now + policy_->permission_lifetime;
  if (allocation.permissions.Install({address, is_own_relay, expires_at}))
    effects_.Report(PermissionsChanged{1});
  wheel_.ScheduleNoLater(allocation, expires_at);
  for (const ChannelBinding& channel : allocation.channels.all()) {
    if (channel.peer.endpoint.address == address) InstallRoute(allocation, channel, now);
  }
}

void Engine::State::InstallChannel(Allocation& allocation, const ChannelBinding& channel,
                                   base::MonotonicTime now) {
  if (allocation.channels.Install(channel)) effects_.Report(ChannelsChanged{1});
  wheel_.ScheduleNoLater(allocation, channel.expires_at);
  // Refreshes the routes of every channel to this address, the new one included.
  InstallPermission(allocation, channel.peer.endpoint.address, now);
}

void Engine::State::InstallRoute(const Allocation& allocation, const ChannelBinding& channel,
                                 base::MonotonicTime now) {
  if (allocation.is_detached()) return;
  const base::IpAddress& address = channel.peer.endpoint.address;
  const Relay* const relay = allocation.FindRelay(address.family());
  const Permission* const permission = allocation.permissions.Find(address, now);
  if (relay == nullptr || permission == nullptr) return;
  const base::MonotonicTime deadline =
      std::min({relay->expires_at, channel.expires_at, permission->expires_at});
  if (deadline <= now) return;
  effects_.InstallRoute(Route{allocation.client, channel.number, relay->handle, relay->address,
                              policy_->peers.ToWire(channel.peer), channel.is_own_relay,
                              allocation.relays_only, allocation.user, deadline});
}

void Engine::State::InstallRoutes(const Allocation& allocation, base::MonotonicTime now) {
  for (const ChannelBinding& channel : allocation.channels.all())
    InstallRoute(allocation, channel, now);
}

void Engine::State::RemoveRoute(const Allocation& allocation, const ChannelBinding& channel) {
  // The 5-tuple of a detached allocation may be another one's by now.
  const Relay* const relay = allocation.FindRelay(channel.peer.endpoint.address.family());
  if (relay == nullptr || allocation.is_detached()) return;
  effects_.RemoveRoute(RouteKey{allocation.client, channel.number, relay->handle,
                                policy_->peers.ToWire(channel.peer)});
}

void Engine::State::RemoveRoutes(const Allocation& allocation) {
  for (const ChannelBinding& channel : allocation.channels.all()) RemoveRoute(allocation, channel);
}

template <typename Predicate>
void Engine::State::RemoveChannels(Allocation& allocation, Predicate&& is_over) {
  const std::size_t removed = allocation.channels.RemoveIf([&](const ChannelBinding& channel) {
    if (!is_over(channel)) return false;
    RemoveRoute(allocation, channel);
    return true;
  });
  if (removed != 0) effects_.Report(ChannelsChanged{-static_cast<std::int64_t>(removed)});
}

template <typename Predicate>
void Engine::State::RemovePermissions(Allocation& allocation, Predicate&& is_over) {
  const std::size_t removed = allocation.permissions.RemoveIf([&](const Permission& permission) {
    if (!is_over(permission)) return false;
    // Channels outlive their permission, but nothing passes through them.
    for (const ChannelBinding& channel : allocation.channels.all()) {
      if (channel.peer.endpoint.address == permission.address) RemoveRoute(allocation, channel);
    }
    return true;
  });
  if (removed != 0) effects_.Report(PermissionsChanged{-static_cast<std::int64_t>(removed)});
}

void Engine::State::RemoveExpired(Allocation& allocation, base::MonotonicTime now) {
  RemoveChannels(allocation, [&](const ChannelBinding& each) { return each.expires_at <= now; });
  RemovePermissions(allocation, [&](const Permission& each) { return each.expires_at <= now; });
}

void Engine::State::RemoveOfFamily(Allocation& allocation, base::AddressFamily family) {
  connections_.ForEachOf(allocation, [&](PeerConnection& each) {
    if (each.peer.endpoint.address.family() == family) EndConnection(each);
  });
  RemoveChannels(allocation, [&](const ChannelBinding& each) {
    return each.peer.endpoint.address.family() == family;
  });
  RemovePermissions(allocation,
                    [&](const Permission& each) { return each.address.family() == family; });
}

void Engine::State::JudgeAgain(Allocation& allocation, base::MonotonicTime now) {
  using Verdict = PeerPolicy::Verdict;
  const PeerPolicy& peers = policy_->peers;
  RemoveChannels(allocation, [&](const ChannelBinding& each) {
    return allocation.Narrow(peers.Judge(each.peer)) == Verdict::kDenied ||
           allocation.Narrow(peers.JudgeAddress(each.peer.endpoint.address)) == Verdict::kDenied;
  });
  RemovePermissions(allocation, [&](const Permission& each) {
    return allocation.Narrow(peers.JudgeAddress(each.address)) == Verdict::kDenied;
  });
  connections_.ForEachOf(allocation, [&](PeerConnection& each) {
    if (peers.Judge(each.peer) == Verdict::kDenied ||
        peers.JudgeAddress(each.peer.endpoint.address) == Verdict::kDenied)
      EndConnection(each);
  });
  for (Permission& permission : allocation.permissions.all())
    permission.is_own_relay = peers.JudgeAddress(permission.address) == Verdict::kOwnRelay;
  for (ChannelBinding& channel : allocation.channels.all()) {
    const bool is_own_relay = peers.Judge(channel.peer) == Verdict::kOwnRelay;
    if (is_own_relay == channel.is_own_relay) continue;
    channel.is_own_relay = is_own_relay;
    InstallRoute(allocation, channel, now);
  }
}

PeerAddress Engine::State::NameOf(const PeerAddress& peer) const {
  return policy_->peers.FromWire(peer);
}

}  // namespace turn
