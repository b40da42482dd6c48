#include <chrono>
#include <utility>

#include "protocol/base/check.h"
#include "protocol/turn/engine_state.h"

// Mobility between shards (RFC 8016, docs/adr/0011): SO_REUSEPORT hands the client's new 5-tuple to
// any shard. That shard asks, the one of the allocation decides, and in the end the allocation
// comes to the client. In the comments of this file and its messages the allocation's shard is the
// owner.
namespace turn {
namespace {

using stun::AttributeType;
using stun::Method;

// Forwarded requests without an answer. Within a process one takes microseconds.
constexpr std::size_t kMaxForwarded = 256;

// After that long nothing waits for an owner any more.
constexpr std::chrono::seconds kAskingTimeout{5};

bool IsSame(const Client& left, const Client& right) {
  return left.five_tuple == right.five_tuple && left.handle == right.handle;
}

bool IsPendingTo(const Allocation* allocation, const Client& client, ShardIndex shard) {
  if (allocation == nullptr || !allocation->mobility) return false;
  const std::optional<Mobility::Destination>& pending = allocation->mobility->pending;
  return pending && pending->shard == shard && IsSame(pending->client, client);
}

}  // namespace

// The way of a request into the shard that can answer it.

bool Engine::State::FindSubject(Request& request) {
  request.allocation = FindLive(request.client.five_tuple, request.now.monotonic);
  const Method method = request.message.method();
  // TCP relays do not move.
  if (method == Method::kConnect || method == Method::kConnectionBind) return true;
  if (policy_->mobility && method == Method::kRefresh) {
    if (const auto ticket = request.message.Find(AttributeType::kMobilityTicket))
      return FindNamed(request, ticket->value);
  }
  if (request.allocation != nullptr) return true;

  if (const ForwardedRequest* const forwarded = request.mobility.forwarded) {
    if (forwarded->awaited) {  // On(RequestForwarded) has seen it
      request.allocation = allocations_.FindById(*forwarded->awaited);
      request.mobility.is_pending = true;
    }
    return true;
  }
  Move* const move = moves_.empty() ? nullptr : moves_.Find(request.client.five_tuple);
  if (move == nullptr) return true;
  if (move->owner == shard_) {
    // A later connection may have the same 5-tuple.
    Allocation* const awaited = FindLiveById(move->allocation_id, request.now.monotonic);
    if (!IsPendingTo(awaited, request.client, shard_)) return true;
    request.allocation = awaited;
    request.mobility.is_pending = true;
    return true;
  }
  if (move->is_asked) {
    Keep(*move, std::nullopt, request.message.octets());
  } else if (Forward(request, move->owner, move->allocation_id)) {
    StartAsking(*move, request.now.monotonic);
  }
  return false;
}

bool Engine::State::FindNamed(Request& request, base::Bytes ticket) {
  ForwardedRequest* const forwarded = request.mobility.forwarded;
  const Allocation* const own = request.allocation;
  request.allocation = nullptr;
  const std::optional<MobileId> mobile_id = tickets_.Open(ticket);
  if (!mobile_id) return true;
  request.mobility.is_ticket_genuine = true;
  const std::optional<Ledger::Mobile> mobile = ledger_.FindMobile(*mobile_id);
  if (!mobile) return true;
  const std::uint64_t id = mobile->allocation_id;

  Move* const move = moves_.Find(request.client.five_tuple);
  if (move != nullptr && move->is_asked) {
    // Everything that the client says keeps its order.
    Keep(*move, std::nullopt, request.message.octets());
    return false;
  }
  request.mobility.is_client_taken = (own != nullptr && own->id != id) ||
                                     (move != nullptr && move->allocation_id != id) ||
                                     (forwarded != nullptr && forwarded->is_client_taken);
  request.allocation = FindLiveById(id, request.now.monotonic);
  if (request.allocation != nullptr) return true;

  // The owner may be this shard while the allocation is on its way here: then the request meets it
  // in the mailbox.
  const std::optional<Ledger::Mobile> elsewhere = ledger_.FindMobile(*mobile_id);
  if (!elsewhere) return true;  // it has just expired
  Forward(request, elsewhere->shard, std::nullopt);
  return false;
}

bool Engine::State::Forward(const Request& request, ShardIndex owner,
                            std::optional<std::uint64_t> awaited) {
  ForwardedRequest* const forwarded = request.mobility.forwarded;
  const base::Bytes octets = request.message.octets();
  if (forwarded != nullptr) {
    forwarded->is_settled = true;
  } else if (forwarded_requests_ >= kMaxForwarded) {
    effects_.Report(PacketDropped{DropReason::kQueueFull});
    return false;
  } else {
    ++forwarded_requests_;
  }
  effects_.PostToShard(owner, RequestForwarded{forwarded == nullptr ? shard_ : forwarded->from,
                                               request.client,
                                               {octets.begin(), octets.end()},
                                               awaited,
                                               request.mobility.is_client_taken});
  return true;
}

void Engine::State::On(RequestForwarded&& message, const base::Now& now) {
  if (message.from == shard_) {
    // The allocation has come here meanwhile, or is about to.
    --forwarded_requests_;
    OnMessage(message.client, message.octets, now);
    return;
  }
  if (message.awaited) {
    const Allocation* const allocation = FindLiveById(*message.awaited, now.monotonic);
    if (!IsPendingTo(allocation, message.client, message.from)) {
      effects_.PostToShard(message.from,
                           RequestReturned{message.client, std::move(message.octets)});
      return;
    }
  }
  const std::optional<stun::MessageView> view = stun::MessageView::Parse(message.octets);
  CHECK(view.has_value());
  ForwardedRequest forwarded{message.from, message.awaited, message.is_client_taken};
  OnRequest(message.client, *view, view->Has(AttributeType::kFingerprint), now, &forwarded);
  if (forwarded.is_settled) return;
  if (forwarded.must_hand_over) {
    // Before the answer, so that what the client says to it finds the allocation.
    HandOver(*allocations_.FindById(*forwarded.granted), {});
    forwarded.granted.reset();
  }
  effects_.PostToShard(message.from, ForwardedAnswer{message.client, std::move(forwarded.answer),
                                                     forwarded.granted, shard_});
}

void Engine::State::On(ForwardedAnswer&& message, const base::Now& now) {
  --forwarded_requests_;
  Move* const move = moves_.Find(message.client.five_tuple);
  if (message.granted) {
    // The client may have gone, or begun anew, meanwhile.
    if (move != nullptr || !effects_.HasClient(message.client) ||
        FindLive(message.client.five_tuple, now.monotonic) != nullptr) {
      effects_.PostToShard(message.owner, MoveDeclined{shard_, message.client, *message.granted});
      return;
    }
    moves_.Insert(message.client, *message.granted, message.owner);
  }
  if (!message.answer.empty()) effects_.SendToClient(message.client, message.answer);
  if (!message.granted && move != nullptr) StopAsking(*move, now);
}

void Engine::State::On(RequestReturned&& message, const base::Now& now) {
  --forwarded_requests_;
  OnMessage(message.client, message.octets, now);
}

// The way of the allocation to its client.

Unrouted Engine::State::OnUnexpectedClient(const base::FiveTuple& client,
                                           std::optional<stun::ChannelNumber> channel,
                                           base::Bytes octets, base::MonotonicTime now) {
  if (moves_.empty()) return Unrouted::kNobodys;
  Move* const move = moves_.Find(client);
  if (move == nullptr) return Unrouted::kNobodys;
  if (move->owner == shard_) {
    Allocation* const allocation = FindLiveById(move->allocation_id, now);
    if (allocation == nullptr || !CompleteMove(*allocation, now)) return Unrouted::kNobodys;
    return Unrouted::kRouted;
  }
  Keep(*move, channel, octets);
  if (!move->is_asked) {
    StartAsking(*move, now);
    effects_.PostToShard(move->owner, MoveWanted{shard_, move->client, move->allocation_id});
  }
  return Unrouted::kTaken;
}

void Engine::State::On(MoveWanted&& message, const base::Now& now) {
  // Otherwise the allocation, or word that the move is off, is on its way already.
  Allocation* const allocation = FindLiveById(message.allocation_id, now.monotonic);
  if (IsPendingTo(allocation, message.client, message.from)) HandOver(*allocation, {});
}

void Engine::State::On(AllocationHandedOver&& message, const base::Now& now) {
  std::vector<WaitingMessage> waiting;
  Move* const move = moves_.Find(message.client.five_tuple);
  if (move != nullptr && move->allocation_id == message.allocation->id) {
    waiting = move->TakeWaiting();
    moves_.Erase(message.client.five_tuple);
  }
  Adopt(std::move(message.allocation), message.client, now.monotonic);
  if (!message.trigger.empty()) {
    --forwarded_requests_;
    OnMessage(message.client, message.trigger, now);
  }
  Replay(message.client, std::move(waiting), now);
}

void Engine::State::On(MoveCancelled&& message, const base::Now& now) {
  Move* const move = moves_.Find(message.client.five_tuple);
  if (move == nullptr || move->allocation_id != message.allocation_id) return;
  std::vector<WaitingMessage> waiting = move->TakeWaiting();
  moves_.Erase(message.client.five_tuple);
  Replay(message.client, std::move(waiting), now);
}

void Engine::State::On(MoveDeclined&& message, const base::Now& now) {
  Allocation* const allocation = FindLiveById(message.allocation_id, now.monotonic);
  if (IsPendingTo(allocation, message.client, message.from)) allocation->mobility->pending.reset();
}

void Engine::State::DeclineMove(const Client& client) {
  const Move* const move = moves_.empty() ? nullptr : moves_.Find(client.five_tuple);
  if (move == nullptr || move->client.handle != client.handle) return;
  if (move->owner == shard_) {
    CancelMove(*allocations_.FindById(move->allocation_id));
  } else {
    effects_.PostToShard(move->owner, MoveDeclined{shard_, client, move->allocation_id});
    moves_.Erase(client.five_tuple);
  }
}

// What the client says meanwhile.

void Engine::State::Keep(Move& move, std::optional<stun::ChannelNumber> channel,
                         base::Bytes octets) {
  if (!move.Keep(channel, octets)) effects_.Report(PacketDropped{DropReason::kQueueFull});
}

void Engine::State::StartAsking(Move& move, base::MonotonicTime now) {
  move.is_asked = true;
  wheel_.Reschedule(move, now + kAskingTimeout);
}

void Engine::State::StopAsking(Move& move, const base::Now& now) {
  move.is_asked = false;
  ExpiryWheel::Cancel(move);
  const Client client = move.client;
  Replay(client, move.TakeWaiting(), now);
}

void Engine::State::GiveUpAsking(Move& move) {
  move.is_asked = false;
  for ([[maybe_unused]] const WaitingMessage& message : move.TakeWaiting())
    effects_.Report(PacketDropped{DropReason::kQueueExpired});
}

void Engine::State::Replay(const Client& client, std::vector<WaitingMessage> waiting,
                           const base::Now& now) {
  for (WaitingMessage& message : waiting) {
    // What goes to a peer is not copied again.
    const WaitingMessage& kept = replayed_.emplace_back(std::move(message));
    if (kept.channel) {
      ReplayChannelData(client, *kept.channel, kept.octets, now.monotonic);
    } else {
      OnMessage(client, kept.octets, now);
    }
  }
}

void Engine::State::ReplayChannelData(const Client& client, stun::ChannelNumber channel,
                                      base::Bytes data, base::MonotonicTime now) {
  const auto drop = [&](DropReason reason) { effects_.Report(PacketDropped{reason}); };
  if (FindLive(client.five_tuple, now) == nullptr &&
      OnUnexpectedClient(client.five_tuple, channel, data, now) == Unrouted::kTaken)
    return;
  const Allocation* const allocation = FindLive(client.five_tuple, now);
  if (allocation == nullptr) return drop(DropReason::kNoChannel);
  const ChannelBinding* const binding = allocation->channels.FindByNumber(channel, now);
  if (binding == nullptr) return drop(DropReason::kNoChannel);
  const base::IpAddress& address = binding->peer.endpoint.address;
  const Relay* const relay = allocation->FindRelay(address.family());
  if (relay == nullptr || allocation->permissions.Find(address, now) == nullptr)
    return drop(DropReason::kNoChannel);
  const PeerAddress wire = policy_->peers.ToWire(binding->peer);
  if (binding->is_own_relay && !ledger_.IsLive(wire.endpoint)) return drop(DropReason::kPolicy);
  effects_.SendToPeer(client, relay->handle, wire, data, false);
}

}  // namespace turn
