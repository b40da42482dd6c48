#include "protocol/turn/engine_state.h"

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/stun/fingerprint.h"
#include "protocol/turn/client_filter.h"

namespace turn {
namespace {

using base::Transport;
using stun::ErrorCode;
using stun::MessageClass;
using stun::Method;

// Requests that need the long-term credential mechanism (RFC 8656 section 5).
bool IsTurnRequest(Method method) {
  return method == Method::kAllocate || method == Method::kRefresh ||
         method == Method::kCreatePermission || method == Method::kChannelBind;
}

// And so do those of TCP relaying (RFC 6062).
bool IsTcpRelayRequest(Method method) {
  return method == Method::kConnect || method == Method::kConnectionBind;
}

}  // namespace

Engine::State::State(std::shared_ptr<const Policy> policy,
                     std::shared_ptr<const CredentialSource> credentials, const NonceKey& nonce_key,
                     Ledger& ledger, base::RandomSource& random, Effects& effects,
                     base::MonotonicTime start, ShardIndex shard)
    : policy_(std::move(policy)),
      credentials_(std::move(credentials)),
      ledger_(ledger),
      random_(random),
      effects_(effects),
      shard_(shard),
      authenticator_(nonce_key, start, random),
      wheel_(start),
      tickets_(nonce_key) {}

Engine::Outcome Engine::State::OnMessage(const Client& client, base::Bytes octets,
                                         const base::Now& now) {
  if (IsRefusedClient(*policy_, client.five_tuple))
    return Drop(DropReason::kClientDenied, Outcome::kInvalid);

  stun::ParseError error{};
  const std::optional<stun::MessageView> message = stun::MessageView::Parse(octets, &error);
  if (!message && error == stun::ParseError::kBadCookie)
    return OnClassicMessage(client, octets, now);
  if (!message) return Drop(DropReason::kMalformed, Outcome::kInvalid);

  const stun::FingerprintCheck fingerprint = stun::CheckFingerprint(*message);
  if (fingerprint == stun::FingerprintCheck::kBad)
    return Drop(DropReason::kBadFingerprint, Outcome::kInvalid);

  const Method method = message->method();
  if (method != Method::kBinding && IsAtAlternateSocket(client))
    return Drop(DropReason::kUnknownMethod, Outcome::kInvalid);
  switch (message->message_class()) {
    case MessageClass::kRequest:
      if (method != Method::kBinding && !IsTurnRequest(method) &&
          !(IsTcpRelayRequest(method) && IsTcpRelayOn()))
        break;
      OnRequest(client, *message, fingerprint == stun::FingerprintCheck::kGood, now, nullptr);
      return Outcome::kValid;
    case MessageClass::kIndication:
      if (method == Method::kSend) return HandleSend(client, *message, now.monotonic);
      // A keep-alive of the client's NAT binding, which wants nothing from us.
      if (method == Method::kBinding) return Outcome::kValid;
      break;
    case MessageClass::kSuccess:
    case MessageClass::kError:
      break;
  }
  return Drop(DropReason::kUnknownMethod, Outcome::kInvalid);
}

// RFC 8489 section 11 and RFC 5389 section 12.2; inside DTLS, RFC 7350 section 3.
Engine::Outcome Engine::State::OnClassicMessage(const Client& client, base::Bytes octets,
                                                const base::Now& now) {
  const Transport transport = client.five_tuple.transport;
  const bool is_served =
      transport == Transport::kDtls || (transport == Transport::kUdp && policy_->classic_stun);
  if (!is_served) return Drop(DropReason::kMalformed, Outcome::kInvalid);
  const std::optional<stun::MessageView> message = stun::MessageView::ParseClassic(octets);
  if (!message) return Drop(DropReason::kMalformed, Outcome::kInvalid);

  const Request request{client, *message, now, false, nullptr, std::nullopt};
  if (!MayAnswerStranger(client, now.monotonic)) {
    effects_.Report(RequestAnswered{Method::kBinding, std::nullopt});
    return Outcome::kValid;
  }
  Response success(request, *policy_);
  if (transport == Transport::kDtls) {
    Answer(request, StunError(ErrorCode::kServerError), success);
  } else {
    Answer(request, HandleBinding(request, success), success);
  }
  return Outcome::kValid;
}

void Engine::State::OnRequest(const Client& client, const stun::MessageView& message,
                              bool has_fingerprint, const base::Now& now,
                              ForwardedRequest* forwarded) {
  Request request{client, message, now, has_fingerprint, nullptr, std::nullopt};
  request.mobility.forwarded = forwarded;
  if (message.method() == Method::kBinding) {
    if (!MayAnswerStranger(client, now.monotonic)) {
      effects_.Report(RequestAnswered{Method::kBinding, std::nullopt});
      return;
    }
  } else {
    if (!FindSubject(request)) return;
    auto authenticated =
        authenticator_.Authenticate(message, client.five_tuple, request.allocation, *policy_,
                                    *credentials_, now, ControlOf(request));
    if (const auto* refusal = std::get_if<AuthenticationRefusal>(&authenticated))
      return RefuseStranger(request, *refusal);
    request.user = std::move(std::get<AuthenticatedUser>(authenticated));
    if (IsRevoked(request.user->credential.username))
      return RefuseStranger(request, {ErrorCode::kUnauthenticated, AuthFailure::kRevoked, true});
  }
  if (IsTcpRelayRequest(message.method())) return OnTcpRelayRequest(request);
  Response success(request, *policy_);
  const std::optional<StunError> error = Dispatch(request, success);
  if (forwarded == nullptr || !forwarded->is_settled) Answer(request, error, success);
}

void Engine::State::OnTcpRelayRequest(const Request& request) {
  const auto start = [&]() -> std::optional<StunError> {
    const UnknownAttributes unknown = FindUnknownAttributes(request.message, TakesTokens());
    if (!unknown.empty()) return StunError(unknown);
    if (request.message.method() == Method::kConnectionBind) return StartConnectionBind(request);
    if (request.allocation == nullptr) return ErrorCode::kAllocationMismatch;
    if (!request.allocation->BelongsTo(request.user->credential))
      return ErrorCode::kWrongCredentials;
    return StartConnect(request);
  };
  if (const std::optional<StunError> error = start()) Refuse(request, *error);
}

std::optional<StunError> Engine::State::Dispatch(Request& request, Response& success) {
  const Method method = request.message.method();
  if (method == Method::kBinding) return HandleBinding(request, success);
  if (method == Method::kAllocate) return HandleAllocate(request, success);

  // What the other requests have in common (RFC 8489 section 6.3.1, RFC 8656 section 5).
  const UnknownAttributes unknown = FindUnknownAttributes(request.message, TakesTokens());
  if (!unknown.empty()) return StunError(unknown);
  if (method == Method::kRefresh && request.message.Has(stun::AttributeType::kMobilityTicket))
    return HandleMove(request, success);
  if (request.allocation == nullptr) return ErrorCode::kAllocationMismatch;
  const Credential& credential = request.user->credential;
  const bool is_renewal =
      method == Method::kRefresh && request.allocation->MayBeRenewedWith(credential);
  if (!is_renewal && !request.allocation->BelongsTo(credential))
    return ErrorCode::kWrongCredentials;
  if (request.mobility.is_pending && !BringOver(request)) return std::nullopt;
  if (method == Method::kRefresh) return HandleRefresh(request, success);
  if (method == Method::kCreatePermission) return HandleCreatePermission(request);
  return HandleChannelBind(request);
}

bool Engine::State::HasRoomForOffer(const Request& request, const Response& response) const {
  constexpr std::size_t kAttributeHeaderBytes = 4;
  const std::size_t asked_bytes = request.message.octets().size();
  if (asked_bytes >= kSmallestRealRequest) return true;
  const std::size_t offer_bytes =
      kAttributeHeaderBytes + (credentials_->token_server_name().size() + 3) / 4 * 4;
  return response.FinishedBytes() + offer_bytes <= kMaxAmplification * asked_bytes;
}

void Engine::State::RefuseStranger(Request& request, const AuthenticationRefusal& refusal) {
  effects_.Report(AuthenticationFailed{refusal.reason});
  effects_.Report(RequestAnswered{request.message.method(), refusal.code});
  if (!MayAnswerStranger(request.client, request.now.monotonic)) return;
  const StunError error = refusal.code == ErrorCode::kUnknownAttribute
                              ? StunError(FindUnknownAttributes(request.message, TakesTokens()))
                              : StunError(refusal.code);
  Response response(request, *policy_, error);
  if (refusal.with_challenge) {
    response.AddChallenge(
        authenticator_.IssueNonce(request.client.five_tuple, *policy_, request.now.monotonic));
    if (refusal.code == ErrorCode::kUnauthenticated && TakesTokens() &&
        HasRoomForOffer(request, response))
      response.OfferTokens(credentials_->token_server_name());
  }
  const base::Bytes octets = response.Finish();
  // A request without any real attribute is nobody's who means to use the server; every other one
  // leaves room for the challenge (with a realm of usual length, see docs/security.md).
  const std::size_t asked_bytes = request.message.octets().size();
  if (asked_bytes < kSmallestRealRequest && octets.size() > kMaxAmplification * asked_bytes) {
    effects_.Report(PacketDropped{DropReason::kRateLimited});
    return;
  }
  SendAnswer(request, request.client, octets);
}

void Engine::State::Answer(const Request& request, const std::optional<StunError>& error,
                           Response& success) {
  if (!error) {
    effects_.Report(RequestAnswered{request.message.method(), std::nullopt});
    SendAnswer(request, success.recipient(), success.Finish());
    return;
  }
  Refuse(request, *error);
}

void Engine::State::Refuse(const Request& request, const StunError& error) {
  effects_.Report(RequestAnswered{request.message.method(), error.code});
  Response refusal(request, *policy_, error);
  SendAnswer(request, request.client, refusal.Finish());
}

void Engine::State::SendAnswer(const Request& request, const Client& recipient,
                               base::Bytes octets) {
  if (ForwardedRequest* const forwarded = request.mobility.forwarded) {
    forwarded->answer.assign(octets.begin(), octets.end());
  } else {
    effects_.SendToClient(recipient, octets);
  }
}

bool Engine::State::MayAnswerStranger(const Client& client, base::MonotonicTime now) {
  // Other transports have proven the source address by a handshake.
  if (client.five_tuple.transport != Transport::kUdp) return true;
  if (limiter_.Allow(client.five_tuple.client.address, policy_->challenge_rate,
                     policy_->challenge_burst, now))
    return true;
  effects_.Report(PacketDropped{DropReason::kRateLimited});
  return false;
}

Engine::Outcome Engine::State::Drop(DropReason reason, Outcome outcome) {
  effects_.Report(PacketDropped{reason});
  return outcome;
}

bool Engine::State::IsAtAlternateSocket(const Client& client) const {
  return discovery_ && discovery_->PositionOf(client).value_or(0) != 0;
}

Allocation* Engine::State::FindLive(const base::FiveTuple& five_tuple, base::MonotonicTime now) {
  Allocation* const allocation = allocations_.Find(five_tuple);
  if (allocation == nullptr) return nullptr;
  if (allocation->due() <= now && !ExpireWithin(*allocation, now)) return nullptr;
  return allocation;
}

Allocation* Engine::State::FindLiveById(std::uint64_t id, base::MonotonicTime now) {
  Allocation* const allocation = allocations_.FindById(id);
  if (allocation == nullptr) return nullptr;
  if (allocation->due() <= now && !ExpireWithin(*allocation, now)) return nullptr;
  return allocation;
}

void Engine::State::OnEngineMessage(EngineMessage message, const base::Now& now) {
  replayed_.clear();
  std::visit([&](auto& each) { On(std::move(each), now); }, message);
}

void Engine::State::OnClientGone(const Client& client, base::MonotonicTime now) {
  TakeWaitingBind(client);
  DeclineMove(client);
  Allocation* const allocation = allocations_.Find(client.five_tuple);
  // A later connection may have the same 5-tuple.
  if (allocation == nullptr || allocation->client.handle != client.handle) return;
  if (allocation->mobility && LeaveClient(*allocation, now)) return;
  CloseAllocation(*allocation, CloseReason::kClientGone, now);
}

void Engine::State::Advance(base::MonotonicTime now) {
  replayed_.clear();
  wheel_.Advance(now, [&](ExpiryWheel::Entry& entry) {
    switch (entry.kind()) {
      case ExpiryWheel::Kind::kReservation:
        return ReleaseReservation(static_cast<HeldReservation&>(entry), now);
      case ExpiryWheel::Kind::kPeerConnection:
        return OnConnectionDue(static_cast<PeerConnection&>(entry));
      case ExpiryWheel::Kind::kMove:
        return GiveUpAsking(static_cast<Move&>(entry));
      default:
        ExpireWithin(static_cast<Allocation&>(entry), now);
    }
  });
}

void Engine::State::SetPolicy(std::shared_ptr<const Policy> policy, base::MonotonicTime now) {
  policy_ = std::move(policy);
  if (!policy_->mobility) CloseDetached(now);
  CloseWhere(
      [&](const Allocation& each) { return IsRefusedClient(*policy_, each.client.five_tuple); },
      CloseReason::kDisconnected, now);
  allocations_.ForEach([&](Allocation& allocation) {
    CancelRefusedMove(allocation);
    JudgeAgain(allocation, now);
  });
}

void Engine::State::SetCredentials(std::shared_ptr<const CredentialSource> credentials) {
  credentials_ = std::move(credentials);
}

void Engine::State::SetRevocations(std::shared_ptr<const Revocations> revocations,
                                   base::MonotonicTime now) {
  revocations_ = std::move(revocations);
  if (revocations_ == nullptr) return;
  CloseWhere([&](const Allocation& each) { return IsRevoked(each.username); },
             CloseReason::kRevoked, now);
}

bool Engine::State::Disconnect(std::uint64_t allocation_id, base::MonotonicTime now) {
  Allocation* const found = allocations_.FindById(allocation_id);
  if (found == nullptr) return false;
  CloseAllocation(*found, CloseReason::kDisconnected, now);
  return true;
}

void Engine::State::CloseAll(base::MonotonicTime now) {
  CloseWhere([](const Allocation&) { return true; }, CloseReason::kShutdown, now);
  while (!reservations_.empty()) ReleaseReservation(reservations_.front(), now);
}

}  // namespace turn
