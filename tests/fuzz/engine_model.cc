#include "tests/fuzz/engine_model.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "protocol/base/check.h"
#include "tests/fuzz/public_address.h"

namespace fuzz {
namespace {

using std::chrono::seconds;

using Time = base::MonotonicTime;

constexpr seconds kPermissionLifetime{300};
constexpr seconds kChannelLifetime{600};

constexpr std::uint16_t kSuccess = 0x0100;
constexpr std::uint16_t kClassBits = 0x0110;
constexpr std::uint16_t kAllocate = 0x0003;
constexpr std::uint16_t kRefresh = 0x0004;
constexpr std::uint16_t kCreatePermission = 0x0008;
constexpr std::uint16_t kChannelBind = 0x0009;
constexpr std::uint16_t kBinding = 0x0001;

base::Bytes Covered(const std::vector<std::uint8_t>& octets) { return octets; }

}  // namespace

const KnownUser* EngineModel::SignerOf(base::Bytes octets, const PlainMessage& message) {
  if (message.integrity_at == 0) return nullptr;
  const std::string name = message.Text(kPlainUsername);
  for (const KnownUser& user : kKnownUsers) {
    if (user.name != name) continue;
    const auto key = stun::LongTermKeyMd5(user.name, turn::kRealm, user.password);
    if (HasPlainIntegrity(octets, message, key)) return &user;
  }
  return nullptr;
}

void EngineModel::Expect(const Message& message) {
  step_->message = message;
  const auto plain = ReadPlainMessage(message.octets);
  if (!plain) return;
  step_->signer = SignerOf(message.octets, *plain);
  if ((plain->type & kClassBits) != 0) return;
  asked_[{message.client.five_tuple, plain->transaction_id}].push_back(
      {message.octets, *plain, message.shard, now(), step_->signer});
}

void EngineModel::Judge() {
  LookAround();
  for (const std::size_t shard : {0u, 1u}) {
    for (const auto& sent : shards_[shard].effects.to_client)
      Learn(shard, sent.client, Covered(sent.octets));
  }
  Loosen();
  CheckAllocations();
  CheckQuotas();
  CheckToPeers();
  CheckToClients();
  CheckRoutes();
  ForgetEnded();
  for (const std::size_t shard : {0u, 1u}) shards_[shard].effects.ForgetTraffic();
}

void EngineModel::LookAround() {
  seen_.clear();
  on_their_way_.clear();
  for (const std::size_t shard : {0u, 1u}) {
    turn::TestServer& server = shards_[shard];
    server.engine.ForEachAllocation(server.now, [&](const turn::Engine::AllocationSummary&
                                                        summary) {
      CHECK(seen_.emplace(summary.id, Seen{summary, std::string(summary.username), shard}).second);
    });
    for (const auto& posted : server.effects.posted) {
      if (const auto* moved = std::get_if<turn::AllocationHandedOver>(&posted.message))
        CHECK(on_their_way_.insert(moved->allocation->id).second);
    }
  }
}

EngineModel::Granted* EngineModel::OfClient(const base::FiveTuple& client) {
  for (auto& [id, granted] : granted_) {
    if (granted.client == client && seen_.contains(id) && !seen_.at(id).summary.is_detached)
      return &granted;
  }
  return nullptr;
}

std::vector<const EngineModel::Granted*> EngineModel::EndedOf(const base::FiveTuple& client) const {
  std::vector<const Granted*> ended;
  for (const auto& [id, granted] : granted_) {
    const bool is_his = granted.client == client || granted.next_clients.contains(client);
    if (is_his && !seen_.contains(id)) ended.push_back(&granted);
  }
  for (const Granted& granted : step_->passing) {
    if (granted.client == client) ended.push_back(&granted);
  }
  return ended;
}

EngineModel::Granted* EngineModel::OfRelay(const base::Endpoint& relay) {
  for (auto& [id, granted] : granted_) {
    if (granted.relays.contains(relay)) return &granted;
  }
  return nullptr;
}

bool EngineModel::IsRelay(const base::Endpoint& endpoint) const {
  return std::ranges::any_of(granted_, [&](const auto& each) {
    return each.second.relays.contains(endpoint) &&
           (seen_.contains(each.first) || on_their_way_.contains(each.first));
  });
}

std::optional<base::Endpoint> EngineModel::AnyRelay(std::size_t number) const {
  if (granted_.empty()) return std::nullopt;
  const auto& granted =
      *std::next(granted_.begin(), static_cast<std::ptrdiff_t>(number % granted_.size()));
  return granted.second.relays.empty() ? std::nullopt
                                       : std::optional(*granted.second.relays.begin());
}

bool EngineModel::MayReach(std::size_t shard, const Granted& granted,
                           const base::Endpoint& peer) const {
  if (peer.port == 0) return false;
  if (peer.address == turn::kRelayV4 || peer.address == turn::kRelayV6)
    return IsRelay(peer) && !granted.relays.contains(peer);
  if (granted.relays_only) return false;
  const auto inside = IsatapOf(peer.address);
  if (rules_[shard].denies_peer && (peer.address == kDeniedPeer || inside == kDeniedPeer))
    return false;
  return IsPublic(peer.address);
}

void EngineModel::Learn(std::size_t shard, const turn::Client& client, base::Bytes octets) {
  // Nobody who is denied hears anything, unless it was under way.
  if (!step_->is_late)
    CHECK(!rules_[shard].denies_client || client.five_tuple.client.address != kDeniedClient);
  const auto answer = ReadPlainMessage(octets);
  CHECK(answer.has_value());
  if (const auto* nonce = answer->Find(kPlainNonce))
    nonces_.try_emplace(std::string(nonce->begin(), nonce->end()),
                        std::pair{client.five_tuple.client, now()});
  if (answer->type == (kBinding | kSuccess)) return;
  const auto found = asked_.find({client.five_tuple, answer->transaction_id});
  if (found == asked_.end()) {
    // An answer to nothing that was asked. Only classic STUN has other headers.
    CHECK(std::memcmp(octets.data() + 4, "\x21\x12\xa4\x42", 4) != 0);
    return;
  }
  if ((answer->type & kClassBits) != kSuccess) return;
  // Of several with one transaction ID it was the one at hand, or any of those that are right.
  if (!step_->is_late) return LearnSuccess(shard, client, *answer, found->second.back());
  bool is_right = false;
  for (const Asked& asked : found->second) {
    if ((asked.message.type | kSuccess) != answer->type || !IsAuthentic(client, asked)) continue;
    is_right = true;
    LearnSuccess(shard, client, *answer, asked);
  }
  CHECK(is_right);
}

// Somebody has signed it, with a nonce of his own that is not too old.
bool EngineModel::IsAuthentic(const turn::Client& client, const Asked& asked) const {
  const auto nonce = nonces_.find(asked.message.Text(kPlainNonce));
  return asked.user != nullptr && nonce != nonces_.end() &&
         nonce->second.first == client.five_tuple.client &&
         asked.at - nonce->second.second <= nonce_lifetime_ + seconds(1);
}

void EngineModel::CheckAuthenticity(std::size_t shard, const turn::Client& client,
                                    const Asked& asked) const {
  CHECK(IsAuthentic(client, asked));
  if (step_->is_late) return;
  // And he is one whom this server knows.
  const std::string name(asked.user->name);
  CHECK(rules_[shard].users.contains(name + ":" + std::string(asked.user->password)));
  CHECK(!rules_[shard].revoked.contains(name));
}

void EngineModel::LearnSuccess(std::size_t shard, const turn::Client& client,
                               const PlainMessage& answer, const Asked& asked) {
  CHECK((asked.message.type | kSuccess) == answer.type);
  CheckAuthenticity(shard, client, asked);
  switch (asked.message.type) {
    case kAllocate:
      return LearnAllocate(client, answer, asked);
    case kRefresh:
      return LearnRefresh(client, answer, asked);
    case kCreatePermission:
    case kChannelBind:
      return LearnPeers(client, asked);
    default:
      CHECK(false);
  }
}

// Whether the allocation that has these relays is not the one that was asked for, which has come
// and gone in this step, but one that got its ports.
bool EngineModel::IsOfAnother(const Seen& seen, const base::FiveTuple& client, const Asked& asked,
                              const std::set<base::Endpoint>& relays) const {
  if (!step_->is_late) return false;
  if (seen.summary.subject != asked.user->subject) return true;
  const base::FiveTuple& owner = seen.summary.client.five_tuple;
  if (owner == client) return false;
  for (const std::size_t shard : {0u, 1u}) {
    for (const auto& sent : shards_[shard].effects.to_client) {
      const auto plain = ReadPlainMessage(sent.octets);
      if (sent.client.five_tuple != owner || !plain || plain->type != (kAllocate | kSuccess))
        continue;
      const auto& values = plain->attributes.at(kPlainXorRelayedAddress);
      if (relays.contains(ReadPlainAddress(*plain, values.front())->endpoint)) return true;
    }
  }
  return false;
}

void EngineModel::LearnAllocate(const turn::Client& client, const PlainMessage& answer,
                                const Asked& asked) {
  const auto values = answer.attributes.find(kPlainXorRelayedAddress);
  CHECK(values != answer.attributes.end());
  std::set<base::Endpoint> relays;
  for (const auto& value : values->second)
    CHECK(relays.insert(ReadPlainAddress(answer, value)->endpoint).second);
  const auto found = std::ranges::find_if(seen_, [&](const auto& each) {
    const auto& relayed = each.second.summary.relayed;
    return std::ranges::any_of(relayed, [&](const auto& one) { return relays.contains(one); });
  });
  if (found == seen_.end() || IsOfAnother(found->second, client.five_tuple, asked, relays)) {
    CHECK(step_->is_late);
    Granted& passing = step_->passing.emplace_back();
    passing.subject = asked.user->subject;
    passing.relays_only = asked.user->relays_only;
    passing.client = client.five_tuple;
    passing.relays = std::move(relays);
    return;
  }
  const auto& [id, seen] = *found;
  const std::set have(seen.summary.relayed.begin(), seen.summary.relayed.end());
  CHECK(step_->is_late ? std::ranges::includes(relays, have) : relays == have);
  CHECK(seen.summary.client.five_tuple == client.five_tuple || step_->is_late);
  const seconds lifetime{answer.U32(kPlainLifetime).value()};
  CHECK(lifetime <= seconds(3600));
  const auto [place, is_new] = granted_.try_emplace(id);
  Granted& granted = place->second;
  if (is_new) {
    CHECK(step_->is_late || !rules_[seen.shard].is_draining);
    // No port has two owners.
    for (const auto& [other_id, other] : granted_) {
      if (other_id == id) continue;
      for (const base::Endpoint& relay : relays)
        CHECK(!other.relays.contains(relay) ||
              !(seen_.contains(other_id) || on_their_way_.contains(other_id)));
    }
    granted.subject = asked.user->subject;
    granted.relays_only = asked.user->relays_only;
    granted.client = client.five_tuple;
    granted.relays = relays;
    for (const base::Endpoint& relay : relays)
      granted.ends[relay.address.family()] = {asked.at + lifetime, now() + lifetime};
  } else {
    // The same again, to the same; or another one with the same ports.
    CHECK(granted.subject == asked.user->subject && granted.client == client.five_tuple);
    for (auto& [family, ends] : granted.ends) {
      if (!step_->is_late) continue;
      ends = {std::min(ends.first, asked.at + lifetime), std::max(ends.second, now() + lifetime)};
    }
  }
  if (const auto* ticket = answer.Find(kPlainMobilityTicket)) granted.tickets.insert(*ticket);
}

// Whether it may have been this allocation for which the client asked. Who has shown a ticket gets
// what it stands for, unless he has an allocation of his own.
bool EngineModel::MayBeOf(const base::FiveTuple& client, std::uint64_t id) const {
  const auto is_there = [&](const auto& each) {
    return each.second.client == client && seen_.contains(each.first) &&
           !seen_.at(each.first).summary.is_detached;
  };
  const auto& granted = *granted_.find(id);
  if (is_there(granted)) return true;
  if (!step_->is_late && std::ranges::any_of(granted_, is_there)) return false;
  return granted.second.client == client || granted.second.next_clients.contains(client);
}

void EngineModel::LearnRefresh(const turn::Client& client, const PlainMessage& answer,
                               const Asked& asked) {
  const seconds lifetime{answer.U32(kPlainLifetime).value()};
  CHECK(lifetime <= seconds(3600));
  const auto* ticket = asked.message.Find(kPlainMobilityTicket);
  for (auto& [id, granted] : granted_) {
    const bool is_meant =
        ticket != nullptr ? granted.tickets.contains(*ticket) : MayBeOf(client.five_tuple, id);
    if (!is_meant) continue;
    // Only its owner.
    CHECK(granted.subject == asked.user->subject || ticket == nullptr);
    if (granted.subject != asked.user->subject) continue;
    if (lifetime.count() == 0) continue;
    // Unless a Refresh with its ticket is still on its way to it.
    const bool is_last_word =
        !step_->is_late && (granted.next_clients.empty() || shards_.messages() == 0);
    const auto only = asked.message.Find(kPlainRequestedFamily);
    for (auto& [family, ends] : granted.ends) {
      if (only != nullptr && only->front() != static_cast<std::uint8_t>(family)) continue;
      ends.first = std::min(ends.first, asked.at + lifetime);
      ends.second = std::max(now() + lifetime, is_last_word ? now() : ends.second);
      if (is_last_word) ends.first = asked.at + lifetime;
    }
    if (ticket == nullptr) continue;
    granted.next_clients.insert(client.five_tuple);
    granted.tickets.insert(*answer.Find(kPlainMobilityTicket));
  }
}

void EngineModel::LearnPeers(const turn::Client& client, const Asked& asked) {
  const auto values = asked.message.attributes.find(kPlainXorPeerAddress);
  CHECK(values != asked.message.attributes.end());
  std::vector<Granted*> candidates;
  for (auto& [id, granted] : granted_) {
    if (MayBeOf(client.five_tuple, id) && granted.subject == asked.user->subject)
      candidates.push_back(&granted);
  }
  for (Granted& passing : step_->passing) {
    if (passing.client == client.five_tuple && passing.subject == asked.user->subject)
      candidates.push_back(&passing);
  }
  CHECK(!candidates.empty() || step_->is_late);
  const bool is_clear = candidates.size() == 1 && !step_->is_late && !step_->may_end;
  for (Granted* const candidate : candidates) {
    Granted& granted = *candidate;
    for (const auto& value : values->second) {
      const auto peer = ReadPlainAddress(asked.message, value);
      CHECK(peer && !peer->is_disguised);
      const base::IpAddress& address = peer->endpoint.address;
      CHECK(step_->is_late || granted.ends.contains(address.family()));
      const bool is_own = address == turn::kRelayV4 || address == turn::kRelayV6;
      CHECK(is_own || (IsPublic(address) && !granted.relays_only));
      granted.permissions[address] = now() + kPermissionLifetime;
      if (asked.message.type != kChannelBind) continue;
      const std::uint32_t number = asked.message.U32(kPlainChannelNumber).value() >> 16;
      CHECK(number >= 0x4000 && number <= 0x4fff && peer->endpoint.port != 0);
      auto& peers = granted.channels[static_cast<std::uint16_t>(number)];
      std::erase_if(peers, [&](const auto& each) { return each.second <= now(); });
      // Never another than the one that it has.
      CHECK(!is_clear || peers.empty() || peers.contains(peer->endpoint) ||
            granted.unclear_channels.contains(static_cast<std::uint16_t>(number)));
      if (is_clear) {
        peers.clear();
        granted.unclear_channels.erase(static_cast<std::uint16_t>(number));
      } else {
        granted.unclear_channels.insert(static_cast<std::uint16_t>(number));
      }
      peers[peer->endpoint] = now() + kChannelLifetime;
      break;  // it has one peer
    }
  }
}

// A Refresh with a ticket that has gone to another shard: what comes of it will be seen before it
// is answered.
void EngineModel::Loosen() {
  if (!step_->message || step_->signer == nullptr) return;
  const auto plain = ReadPlainMessage(step_->message->octets);
  const auto* const ticket = plain->Find(kPlainMobilityTicket);
  if (plain->type != kRefresh || ticket == nullptr) return;
  if (!shards_[step_->message->shard].effects.to_client.empty()) return;
  for (auto& [id, granted] : granted_) {
    if (!granted.tickets.contains(*ticket) || granted.subject != step_->signer->subject) continue;
    granted.next_clients.insert(step_->message->client.five_tuple);
    for (auto& [family, ends] : granted.ends) ends = {Time::min(), Time::max()};
  }
}

}  // namespace fuzz
