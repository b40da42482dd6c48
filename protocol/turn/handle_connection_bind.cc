#include <utility>

#include "protocol/stun/attributes.h"
#include "protocol/turn/engine_state.h"

// A client's connection and a peer's become one (RFC 6062 section 5.4). The peer's connection
// belongs to the shard of its allocation, the client's to the shard that the system gave it to;
// when these are two, the peer's connection moves.
namespace turn {

using stun::AttributeType;
using stun::ErrorCode;

// nullopt: it is done, or another shard was asked and the answer follows.
std::optional<StunError> Engine::State::StartConnectionBind(const Request& request) {
  const base::Transport transport = request.client.five_tuple.transport;
  if (!IsTcpOrTls(transport)) return ErrorCode::kBadRequest;
  // A control connection goes on being one; so does one that an allocation is about to move to.
  if (request.allocation != nullptr || moves_.Find(request.client.five_tuple) != nullptr)
    return ErrorCode::kBadRequest;
  const auto attribute = request.message.Find(AttributeType::kConnectionId);
  if (!attribute) return ErrorCode::kBadRequest;
  const std::optional<std::uint32_t> value = stun::DecodeU32(attribute->value);
  if (!value) return ErrorCode::kBadRequest;
  const ConnectionId id{*value};
  const std::optional<Ledger::Connection> announced = ledger_.FindConnection(id);
  if (!announced) return ErrorCode::kBadRequest;

  const Credential& credential = request.user->credential;
  if (announced->owner != shard_) {
    tcp_->Hold(request.client);
    waiting_binds_.insert_or_assign(request.client.five_tuple, DeferredRequest(request));
    effects_.PostToShard(announced->owner, BindWanted{shard_, request.client, id, credential});
    return std::nullopt;
  }
  if (const std::optional<ErrorCode> refusal = JudgeBind(id, credential)) return *refusal;
  PeerConnection& connection = *connections_.Find(id);
  const PeerConnectionHandle peer = connection.handle;
  connections_.NoteJoined(connection);
  connection.joined_by = shard_;
  Response success(request, *policy_);
  Answer(request, std::nullopt, success);
  if (!tcp_->Join(request.client, peer, id, connection.allocation.id, connection.allocation.user))
    ForgetConnection(connection);
  return std::nullopt;
}

// Clients bring along the nonce of their control connection (RFC 6062 section 4.3 wants its
// credentials). The port is another one; the address must not be.
std::optional<base::Endpoint> Engine::State::ControlOf(const Request& request) const {
  if (request.message.method() != stun::Method::kConnectionBind) return std::nullopt;
  const auto attribute = request.message.Find(AttributeType::kConnectionId);
  if (!attribute) return std::nullopt;
  const std::optional<std::uint32_t> id = stun::DecodeU32(attribute->value);
  if (!id) return std::nullopt;
  const std::optional<Ledger::Connection> announced = ledger_.FindConnection({*id});
  if (!announced || announced->control.address != request.client.five_tuple.client.address)
    return std::nullopt;
  return announced->control;
}

std::optional<ErrorCode> Engine::State::JudgeBind(ConnectionId id,
                                                  const Credential& credential) const {
  const PeerConnection* const connection = connections_.Find(id);
  if (connection == nullptr || connection->state != PeerConnection::State::kPending)
    return ErrorCode::kBadRequest;
  if (!connection->allocation.BelongsTo(credential)) return ErrorCode::kWrongCredentials;
  return std::nullopt;
}

std::optional<DeferredRequest> Engine::State::TakeWaitingBind(const Client& client) {
  const auto found = waiting_binds_.find(client.five_tuple);
  // A later connection may have the same 5-tuple.
  if (found == waiting_binds_.end() || found->second.client().handle != client.handle)
    return std::nullopt;
  std::optional<DeferredRequest> waiting(std::move(found->second));
  waiting_binds_.erase(found);
  return waiting;
}

void Engine::State::On(BindWanted&& message, const base::Now&) {
  if (const std::optional<ErrorCode> refusal = JudgeBind(message.connection, message.credential))
    return effects_.PostToShard(message.from, BindRefused{message.client, *refusal});
  PeerConnection& connection = *connections_.Find(message.connection);
  const PeerConnectionHandle peer = connection.handle;
  connections_.NoteJoined(connection);
  connection.joined_by = message.from;
  tcp_->Surrender(peer);
  effects_.PostToShard(message.from,
                       BindGranted{message.client, connection.id, shard_, peer,
                                   connection.allocation.id, connection.allocation.user});
}

void Engine::State::On(BindGranted&& message, const base::Now&) {
  const std::optional<DeferredRequest> waiting = TakeWaitingBind(message.client);
  if (!waiting) {  // the client is gone
    tcp_->Close(message.peer);
    return effects_.PostToShard(message.owner, JoinedEnded{message.connection});
  }
  waiting->Resume([&](const Request& request) {
    Response success(request, *policy_);
    Answer(request, std::nullopt, success);
  });
  if (!tcp_->Join(message.client, message.peer, message.connection, message.allocation_id,
                  message.user))
    return effects_.PostToShard(message.owner, JoinedEnded{message.connection});
  joined_for_others_.emplace(message.connection.value, message.owner);
}

void Engine::State::On(BindRefused&& message, const base::Now&) {
  const std::optional<DeferredRequest> waiting = TakeWaitingBind(message.client);
  if (!waiting) return;
  waiting->Resume([&](const Request& request) { Refuse(request, message.error); });
  tcp_->Release(message.client);
}

void Engine::State::On(JoinedEnded&& message, const base::Now&) {
  if (PeerConnection* const connection = connections_.Find(message.connection))
    ForgetConnection(*connection);
}

void Engine::State::On(JoinedMustEnd&& message, const base::Now&) {
  if (joined_for_others_.erase(message.connection.value) != 0) tcp_->EndJoined(message.connection);
}

void Engine::State::OnJoinedEnded(ConnectionId id) {
  if (PeerConnection* const connection = connections_.Find(id))
    return ForgetConnection(*connection);
  const auto joined = joined_for_others_.extract(id.value);
  if (!joined.empty()) effects_.PostToShard(joined.mapped(), JoinedEnded{id});
}

}  // namespace turn
