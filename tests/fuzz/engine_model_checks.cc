#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "tests/fuzz/engine_model.h"
#include "tests/fuzz/public_address.h"

// What EngineModel looks at behind each step.
namespace fuzz {
namespace {

using Time = base::MonotonicTime;

constexpr std::uint16_t kDataIndication = 0x0017;

bool IsOwnRelay(const base::IpAddress& address) {
  return address == turn::kRelayV4 || address == turn::kRelayV6;
}

}  // namespace

// What a new policy denies is over, and does not come back with the next one.
void EngineModel::ForgetDenied(std::size_t shard, Granted& granted) const {
  if (!rules_[shard].denies_peer) return;
  const auto is_denied = [](const base::IpAddress& address) {
    return address == kDeniedPeer || IsatapOf(address) == kDeniedPeer;
  };
  std::erase_if(granted.permissions, [&](const auto& each) { return is_denied(each.first); });
  granted.EraseChannels(is_denied);
}

void EngineModel::CheckQuotas() const {
  std::map<turn::QuotaName, std::size_t> relays;
  std::size_t sum = 0;
  for (const auto& [id, granted] : granted_) {
    if (!seen_.contains(id) && !on_their_way_.contains(id)) continue;
    relays[turn::QuotaNameOfUser({}, granted.subject)] += granted.relays.size();
    sum += granted.relays.size();
  }
  std::size_t charged = 0;
  std::map<turn::QuotaName, std::size_t> counts;
  for (const turn::QuotaCount& count : shards_.ledger->ReadCounts()) {
    counts[count.name] = count.allocations;
    charged += count.allocations;
    CHECK(count.allocations <= kAllocationsPerUser);
  }
  for (const auto& [name, count] : relays) CHECK(counts[name] >= count);
  const turn::Ledger::Totals totals = shards_.ledger->ReadTotals();
  CHECK(charged == sum + totals.reservations && charged == totals.allocations);
}

void EngineModel::CheckAllocations() {
  for (const auto& [id, seen] : seen_) {
    const auto found = granted_.find(id);
    CHECK(found != granted_.end());
    Granted& granted = found->second;
    const auto& summary = seen.summary;
    CHECK(summary.subject == granted.subject);
    if (summary.client.five_tuple != granted.client) {
      // It has gone to somebody who showed its ticket.
      CHECK(granted.next_clients.contains(summary.client.five_tuple));
      granted.client = summary.client.five_tuple;
      // Others who have shown it may still be on their way.
      if (shards_.messages() == 0) granted.next_clients.clear();
    }
    std::set<base::Endpoint> relays(summary.relayed.begin(), summary.relayed.end());
    CHECK(std::ranges::includes(granted.relays, relays));
    granted.relays = std::move(relays);
    // With a relay goes what it was for.
    const auto is_gone = [&](base::AddressFamily family) {
      return std::ranges::none_of(granted.relays, [&](const base::Endpoint& relay) {
        return relay.address.family() == family;
      });
    };
    std::erase_if(granted.ends, [&](const auto& end) { return is_gone(end.first); });
    std::erase_if(granted.permissions,
                  [&](const auto& each) { return is_gone(each.first.family()); });
    granted.EraseChannels([&](const base::IpAddress& peer) { return is_gone(peer.family()); });
    ForgetDenied(seen.shard, granted);
    auto latest = base::MonotonicTime::min();
    for (const auto& [family, ends] : granted.ends) latest = std::max(latest, ends.second);
    // In whole seconds; what is over may stand there until somebody looks.
    CHECK(latest == Time::max() || summary.remaining.count() == 0 ||
          now() + summary.remaining < latest + std::chrono::seconds(1));
    CHECK(summary.permissions <= granted.permissions.size());
    CHECK(summary.channels <= granted.channels.size());
    // Nobody whose rights were taken away keeps one.
    CHECK(!rules_[seen.shard].revoked.contains(seen.username));
    if (!summary.is_detached)
      CHECK(!rules_[seen.shard].denies_client ||
            summary.client.five_tuple.client.address != kDeniedClient);
  }
}

void EngineModel::CheckToPeers() {
  for (const std::size_t shard : {0u, 1u}) {
    for (const auto& sent : shards_[shard].effects.to_peer) {
      CHECK(step_->message || step_->is_late);
      const base::Endpoint& peer = sent.peer.endpoint;
      std::vector<const Granted*> senders = {OfClient(sent.client.five_tuple)};
      const auto& sockets = shards_[shard].effects.sockets;
      if (const auto socket = sockets.find(sent.relay); socket == sockets.end()) {
        // What had waited for it sent first and ended it then.
        CHECK(step_->is_late);
        // Or it has come again, and got the same port, so that nothing tells one from the other.
        if (senders.front() == nullptr) senders.clear();
        std::ranges::copy(EndedOf(sent.client.five_tuple), std::back_inserter(senders));
      } else {
        const base::Endpoint& relay = socket->second.address.endpoint;
        CHECK(senders.front() != nullptr && senders.front()->relays.contains(relay));
        CHECK(relay.address.family() == peer.address.family());
      }
      CHECK(std::ranges::any_of(senders, [&](const Granted* granted) {
        const auto permission = granted->permissions.find(peer.address);
        return permission != granted->permissions.end() && permission->second > now() &&
               MayReach(shard, *granted, peer);
      }));
      if (step_->is_late) continue;
      const auto plain = ReadPlainMessage(step_->message->octets);
      CHECK(plain && plain->Find(kPlainData) != nullptr);
      CHECK(*plain->Find(kPlainData) == sent.payload);
    }
  }
}

void EngineModel::CheckToClients() {
  for (const std::size_t shard : {0u, 1u}) {
    const auto& effects = shards_[shard].effects;
    for (const auto& sent : effects.data_to_client) {
      CHECK(step_->from_peer && step_->from_peer->shard == shard);
      const FromPeer& from = *step_->from_peer;
      const auto& socket = effects.sockets.at(from.relay);
      const Granted* const granted = OfRelay(socket.address.endpoint);
      CHECK(granted != nullptr && granted == OfClient(sent.client.five_tuple));
      const auto permission = granted->permissions.find(from.source.address);
      CHECK(permission != granted->permissions.end() && permission->second > now());
      if (!from.icmp) {
        const bool is_own = IsOwnRelay(from.source.address);
        CHECK(is_own ? IsRelay(from.source)
                     : IsPublic(from.source.address) && !granted->relays_only);
      }
      CHECK(!rules_[shard].denies_peer || from.source.address != kDeniedPeer);
      CHECK(sent.octets.size() >= 4);
      if ((sent.octets[0] & 0xc0) == 0x40) {
        const auto number = static_cast<std::uint16_t>(sent.octets[0] << 8 | sent.octets[1]);
        CHECK(!from.icmp && granted->BoundUntil(number, from.source) > now());
        CHECK(sent.octets.size() >= 4 + from.payload.size());
        CHECK((std::size_t{sent.octets[2]} << 8 | sent.octets[3]) == from.payload.size());
        CHECK(std::ranges::equal(from.payload,
                                 base::Bytes(sent.octets).subspan(4, from.payload.size())));
        // Padding carries nothing.
        CHECK(std::ranges::all_of(base::Bytes(sent.octets).subspan(4 + from.payload.size()),
                                  [](std::uint8_t octet) { return octet == 0; }));
        continue;
      }
      const auto plain = ReadPlainMessage(sent.octets);
      CHECK(plain && plain->type == kDataIndication);
      CHECK(ReadPlainAddress(*plain, *plain->Find(kPlainXorPeerAddress))->endpoint == from.source);
      CHECK((plain->Find(kPlainIcmp) != nullptr) == from.icmp.has_value());
      if (!from.icmp) CHECK(*plain->Find(kPlainData) == from.payload);
    }
  }
}

void EngineModel::CheckRoutes() {
  for (const std::size_t shard : {0u, 1u}) {
    const auto& effects = shards_[shard].effects;
    for (const auto& [key, route] : effects.routes) {
      const Granted* const granted = OfClient(key.first);
      CHECK(granted != nullptr && granted->relays.contains(route.relayed.endpoint));
      CHECK(effects.sockets.at(route.relay).address == route.relayed);
      CHECK(effects.sockets.at(route.relay).is_limited == granted->relays_only);
      const base::Endpoint& peer = route.peer.endpoint;
      const auto permission = granted->permissions.find(peer.address);
      CHECK(permission != granted->permissions.end());
      // The datapath itself ends it in time.
      CHECK(route.deadline <= granted->BoundUntil(key.second, peer));
      CHECK(route.deadline <= permission->second);
      CHECK(route.deadline <= granted->ends.at(peer.address.family()).second);
      const bool is_own = IsOwnRelay(peer.address);
      CHECK(route.peer_is_own_relay == is_own);
      // A relay of ours may have gone meanwhile, which the datapath sees.
      CHECK(is_own ? !granted->relays.contains(peer) : MayReach(shard, *granted, peer));
    }
  }
}

void EngineModel::ForgetEnded() {
  for (auto each = granted_.begin(); each != granted_.end();) {
    const auto& [id, granted] = *each;
    if (seen_.contains(id) || on_their_way_.contains(id)) {
      ++each;
      continue;
    }
    // A message ends nothing of anybody else's; time does, when it is over.
    bool is_over = true;
    for (const auto& [family, ends] : granted.ends) is_over = is_over && ends.first <= now();
    const bool is_by_owner = step_->signer != nullptr && step_->signer->subject == granted.subject;
    CHECK(is_over || is_by_owner || step_->may_end || step_->is_late);
    each = granted_.erase(each);
  }
}

}  // namespace fuzz
