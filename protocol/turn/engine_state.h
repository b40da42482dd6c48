#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/stun/message_view.h"
#include "protocol/turn/allocation.h"
#include "protocol/turn/allocation_record.h"
#include "protocol/turn/allocation_table.h"
#include "protocol/turn/authenticator.h"
#include "protocol/turn/challenge_limiter.h"
#include "protocol/turn/deferred_request.h"
#include "protocol/turn/discovery_sockets.h"
#include "protocol/turn/effects.h"
#include "protocol/turn/engine.h"
#include "protocol/turn/expiry_wheel.h"
#include "protocol/turn/ledger.h"
#include "protocol/turn/mobility_ticket.h"
#include "protocol/turn/move_table.h"
#include "protocol/turn/peer_connection_table.h"
#include "protocol/turn/policy.h"
#include "protocol/turn/request.h"

namespace turn {

// The inside of Engine. Its member functions stand in the file that is named after what they do:
// engine.cc receives and dispatches, handle_*.cc hold one request each, relay_indication.cc Send
// and Data, relay_lifecycle.cc what opens and ends relays and allocations,
// peer_connection_lifecycle.cc TCP connections with peers, move_lifecycle.cc what gives an
// allocation another client, move_messages.cc what shards tell each other about that,
// process_change.cc what brings it into another process, route_sync.cc the datapaths' copy.
class Engine::State {
 public:
  State(std::shared_ptr<const Policy> policy, std::shared_ptr<const CredentialSource> credentials,
        const NonceKey& nonce_key, Ledger& ledger, base::RandomSource& random, Effects& effects,
        base::MonotonicTime start, ShardIndex shard);

  // As Engine has them.
  void SetDiscovery(const DiscoverySockets& sockets) { discovery_ = sockets; }
  void SetTcpEffects(TcpEffects& effects) { tcp_ = &effects; }
  Outcome OnMessage(const Client& client, base::Bytes octets, const base::Now& now);
  void OnPeerUnreachable(RelayHandle handle, const PeerAddress& destination,
                         const stun::IcmpValue& icmp, base::MutableBytes room,
                         base::MonotonicTime now);
  void OnPeerDatagram(RelayHandle handle, const PeerAddress& source, base::MutableBytes payload,
                      base::MonotonicTime now);
  void OnPeerConnected(PeerConnectionHandle handle, bool is_connected, base::MonotonicTime now);
  void OnPeerAccepted(RelayHandle relay, PeerConnectionHandle handle, const PeerAddress& source,
                      base::MonotonicTime now);
  void OnJoinedEnded(ConnectionId id);
  void OnEngineMessage(EngineMessage message, const base::Now& now);
  // The client has said something that is no request, and has no allocation here. A STUN message:
  // without channel.
  Unrouted OnUnexpectedClient(const base::FiveTuple& client,
                              std::optional<stun::ChannelNumber> channel, base::Bytes octets,
                              base::MonotonicTime now);
  void OnClientGone(const Client& client, base::MonotonicTime now);
  void Advance(base::MonotonicTime now);
  void SetPolicy(std::shared_ptr<const Policy> policy, base::MonotonicTime now);
  void SetCredentials(std::shared_ptr<const CredentialSource> credentials);
  void SetRevocations(std::shared_ptr<const Revocations> revocations, base::MonotonicTime now);
  bool Disconnect(std::uint64_t allocation_id, base::MonotonicTime now);
  void CloseAll(base::MonotonicTime now);
  const AllocationTable& allocations() const { return allocations_; }
  // process_change.cc
  void VisitReservations(const std::function<void(const HeldReservationRecord&)>& visit) const;
  bool Restore(std::unique_ptr<Allocation> allocation, base::MonotonicTime now);
  bool Restore(const HeldReservationRecord& held);
  void LetGo(const std::function<bool(const Allocation&)>& is_meant);

 private:
  // RFC 6062 section 5.2: at least 30 seconds each.
  static constexpr std::chrono::seconds kConnectTimeout{30};
  static constexpr std::chrono::seconds kConnectionBindTimeout{30};
  // A failure to connect weighs on its allocation so long, and no more of them than this at a time.
  static constexpr std::chrono::seconds kConnectFailure{1};
  static constexpr std::chrono::seconds kMaxConnectFailures{50};

  // An EVEN-PORT reservation that this engine made and takes back when it is due.
  struct HeldReservation : ExpiryWheel::Entry {
    HeldReservation() : Entry(ExpiryWheel::Kind::kReservation) {}
    stun::ReservationToken token{};
    std::list<HeldReservation>::iterator self;
  };

  struct OpenedRelay {
    RelayHandle handle;
    RelayedTransportAddress address;
  };
  struct OpenedPair {
    OpenedRelay even;
    OpenedRelay odd;
  };

  // engine.cc: from octets to a handler and back.
  Outcome OnClassicMessage(const Client& client, base::Bytes octets, const base::Now& now);
  // `forwarded`: nullptr, or what the shard of the client said, and will be told.
  void OnRequest(const Client& client, const stun::MessageView& message, bool has_fingerprint,
                 const base::Now& now, ForwardedRequest* forwarded);
  std::optional<StunError> Dispatch(Request& request, Response& success);
  void RefuseStranger(Request& request, const AuthenticationRefusal& refusal);
  // Whether a stranger who asks so may hear of access tokens, too.
  bool HasRoomForOffer(const Request& request, const Response& response) const;
  void Answer(const Request& request, const std::optional<StunError>& error, Response& success);
  void Refuse(const Request& request, const StunError& error);
  // By way of the client's shard, if that is another one.
  void SendAnswer(const Request& request, const Client& recipient, base::Bytes octets);
  // Whether the answer to a stranger may be sent; counts and reports the one that may not.
  bool MayAnswerStranger(const Client& client, base::MonotonicTime now);
  Outcome Drop(DropReason reason, Outcome outcome);
  bool IsRevoked(std::string_view username) const {
    return revocations_ != nullptr && revocations_->Covers(username);
  }
  bool TakesTokens() const { return !credentials_->token_server_name().empty(); }
  // Whether the message came in at a socket that serves NAT discovery and nothing else.
  bool IsAtAlternateSocket(const Client& client) const;
  Allocation* FindLive(const base::FiveTuple& five_tuple, base::MonotonicTime now);
  Allocation* FindLiveById(std::uint64_t id, base::MonotonicTime now);
  // The owner of a relay socket, unless its time is over.
  Allocation* FindLiveByRelay(RelayHandle handle, base::MonotonicTime now);

  // One request each, in its own file: the error, or nullopt with the success response filled.
  std::optional<StunError> HandleBinding(const Request& request, Response& success);
  // A Binding request at one of the sockets of NAT discovery.
  std::optional<StunError> HandleDiscovery(const Request& request, std::size_t position,
                                           Response& success);
  std::optional<StunError> HandleAllocate(const Request& request, Response& success);
  std::optional<StunError> HandleRefresh(const Request& request, Response& success);
  // A Refresh with a mobility ticket, in handle_move.cc.
  std::optional<StunError> HandleMove(Request& request, Response& success);
  std::optional<StunError> HandleCreatePermission(const Request& request);
  std::optional<StunError> HandleChannelBind(const Request& request);

  // The requests of TCP relaying, which may be answered later.
  bool IsTcpRelayOn() const { return tcp_ != nullptr && policy_->tcp_relay; }
  void OnTcpRelayRequest(const Request& request);
  std::optional<StunError> StartConnect(const Request& request);
  std::optional<StunError> StartConnectionBind(const Request& request);
  // For a ConnectionBind, whose nonce is as good as the request's own.
  std::optional<base::Endpoint> ControlOf(const Request& request) const;
  // Whether a pending connection of this shard may be bound by the user; the error if not.
  std::optional<stun::ErrorCode> JudgeBind(ConnectionId id, const Credential& credential) const;

  // peer_connection_lifecycle.cc
  static bool IsTcpOrTls(base::Transport transport);
  bool HasRoomForConnection(const Allocation& allocation);
  // The request that waits for the client, which must be the very one; it waits no longer.
  std::optional<DeferredRequest> TakeWaitingBind(const Client& client);
  PeerConnection& AddConnection(Allocation& allocation, const PeerAddress& peer,
                                PeerConnectionHandle handle);
  // Closes what is open of it. The connection is gone after it, as after the next two.
  void EndConnection(PeerConnection& connection);
  void ForgetConnection(PeerConnection& connection);
  void OnConnectionDue(PeerConnection& connection);

  // What other shards' engines say.
  void On(BindWanted&& message, const base::Now& now);
  void On(BindGranted&& message, const base::Now& now);
  void On(BindRefused&& message, const base::Now& now);
  void On(JoinedEnded&& message, const base::Now& now);
  void On(JoinedMustEnd&& message, const base::Now& now);
  void On(RequestForwarded&& message, const base::Now& now);
  void On(ForwardedAnswer&& message, const base::Now& now);
  void On(RequestReturned&& message, const base::Now& now);
  void On(MoveWanted&& message, const base::Now& now);
  void On(AllocationHandedOver&& message, const base::Now& now);
  void On(MoveCancelled&& message, const base::Now& now);
  void On(MoveDeclined&& message, const base::Now& now);

  // handle_allocate.cc
  std::optional<Alternate> ChooseAlternateFor(const Request& request);
  // Ways to get relays; what they attach is charged.
  std::optional<StunError> OpenSingle(Allocation& allocation, base::AddressFamily family,
                                      bool is_even, base::MonotonicTime expires_at,
                                      base::MonotonicTime now);
  std::optional<StunError> OpenPair(Allocation& allocation, base::AddressFamily family,
                                    base::MonotonicTime expires_at, base::MonotonicTime now);
  std::optional<StunError> OpenDual(Allocation& allocation, bool is_even,
                                    base::MonotonicTime expires_at, base::MonotonicTime now);
  std::optional<StunError> OpenReserved(Allocation& allocation, const stun::ReservationToken& token,
                                        base::MonotonicTime expires_at, base::MonotonicTime now);
  StunError RefuseForQuota(QuotaScope scope);

  // relay_indication.cc
  Outcome HandleSend(const Client& client, const stun::MessageView& message,
                     base::MonotonicTime now);

  // move_lifecycle.cc
  // Before it is registered.
  void MakeMobile(Allocation& allocation);
  void RenewTicket(Allocation& allocation);
  // A move to the client is pending from now on, or done if there is nobody to wait for.
  void GrantMove(Allocation& allocation, const Request& request);
  void CancelMove(Allocation& allocation);
  // The client of the pending move, which is in this shard, has the allocation from now on. False:
  // it has another one meanwhile; the move is off.
  bool CompleteMove(Allocation& allocation, base::MonotonicTime now);
  // The same where the client is in another shard. The allocation is gone after it.
  // Whether the client is there, has no allocation, and is nobody whom the policy refuses.
  bool MayMoveTo(const Client& client, base::MonotonicTime now);
  // A pending move to a client that a new policy refuses is off.
  void CancelRefusedMove(Allocation& allocation);
  void HandOver(Allocation& allocation, base::Bytes trigger);
  void Adopt(std::unique_ptr<Allocation> allocation, const Client& client, base::MonotonicTime now);
  // What is in the table, with relays that are started, is counted, scheduled and routed here from
  // now on; or ends at once, where snapshots say so that it has not seen yet.
  void BecomeOwn(Allocation& allocation, base::MonotonicTime now);
  // Its client is gone: to the next one, or to nobody. False: no ticket can revive it.
  bool LeaveClient(Allocation& allocation, base::MonotonicTime now);
  void Detach(Allocation& allocation);
  // Its client has spoken. False: the allocation has left for the client's shard, with the request.
  bool BringOver(const Request& request);
  void ReportMove(const Allocation& allocation, int delta);
  void CloseDetached(base::MonotonicTime now);

  // process_change.cc
  bool MayRestore(const Allocation& allocation) const;
  // All of its relay ports, or none.
  bool ClaimPorts(const Allocation& allocation, base::MonotonicTime now);

  // move_messages.cc
  // Fills in the allocation. False: the request waits, or went to the shard that has it.
  bool FindSubject(Request& request);
  bool FindNamed(Request& request, base::Bytes ticket);
  // False: too many are on their way.
  bool Forward(const Request& request, ShardIndex owner, std::optional<std::uint64_t> awaited);
  void Keep(Move& move, std::optional<stun::ChannelNumber> channel, base::Bytes octets);
  void StartAsking(Move& move, base::MonotonicTime now);
  void StopAsking(Move& move, const base::Now& now);
  // The owner does not answer.
  void GiveUpAsking(Move& move);
  // The client that a move is pending to is gone.
  void DeclineMove(const Client& client);
  void Replay(const Client& client, std::vector<WaitingMessage> waiting, const base::Now& now);
  void ReplayChannelData(const Client& client, stun::ChannelNumber channel, base::Bytes data,
                         base::MonotonicTime now);

  // relay_lifecycle.cc
  std::optional<OpenedRelay> OpenRelay(RelayProtocol protocol, base::AddressFamily family,
                                       RelayPortPool::Request request, base::MonotonicTime now);
  std::optional<OpenedPair> OpenRelayPair(base::AddressFamily family, base::MonotonicTime now);
  void AttachRelay(Allocation& allocation, const OpenedRelay& opened,
                   base::MonotonicTime expires_at, base::MonotonicTime now);
  Allocation& Register(std::unique_ptr<Allocation> allocation);
  void StartRelay(const Allocation& allocation, const Relay& relay);
  stun::ReservationToken HoldReservation(const OpenedRelay& opened, const Owner& owner,
                                         base::MonotonicTime now);
  void ReleaseReservation(HeldReservation& held, base::MonotonicTime now);
  void CloseFamily(Allocation& allocation, base::AddressFamily family, CloseReason reason,
                   base::MonotonicTime now);
  // The allocation is gone after it; its relays must have been closed.
  void Forget(Allocation& allocation);
  // The allocation is gone after it.
  void CloseAllocation(Allocation& allocation, CloseReason reason, base::MonotonicTime now);
  void CloseWhere(const std::function<bool(const Allocation&)>& is_meant, CloseReason reason,
                  base::MonotonicTime now);
  // Removes what is over and schedules the next look. False: the allocation is gone.
  bool ExpireWithin(Allocation& allocation, base::MonotonicTime now);
  std::uint64_t NewAllocationId();

  // route_sync.cc
  template <typename Predicate>
  void RemovePermissions(Allocation& allocation, Predicate&& is_over);
  template <typename Predicate>
  void RemoveChannels(Allocation& allocation, Predicate&& is_over);
  void RemoveExpired(Allocation& allocation, base::MonotonicTime now);
  void RemoveOfFamily(Allocation& allocation, base::AddressFamily family);
  void InstallPermission(Allocation& allocation, const base::IpAddress& address,
                         base::MonotonicTime now);
  // With the permission that comes with it.
  void InstallChannel(Allocation& allocation, const ChannelBinding& channel,
                      base::MonotonicTime now);
  void InstallRoute(const Allocation& allocation, const ChannelBinding& channel,
                    base::MonotonicTime now);
  void InstallRoutes(const Allocation& allocation, base::MonotonicTime now);
  void RemoveRoute(const Allocation& allocation, const ChannelBinding& channel);
  void RemoveRoutes(const Allocation& allocation);
  void JudgeAgain(Allocation& allocation, base::MonotonicTime now);
  // How tables of an allocation name a peer: by the external address of a relay of ours.
  PeerAddress NameOf(const PeerAddress& peer) const;

  std::shared_ptr<const Policy> policy_;
  std::shared_ptr<const CredentialSource> credentials_;
  std::shared_ptr<const Revocations> revocations_;  // nullptr: there are none
  Ledger& ledger_;
  base::RandomSource& random_;
  Effects& effects_;
  ShardIndex shard_;
  Authenticator authenticator_;
  ChallengeLimiter limiter_;
  std::optional<DiscoverySockets> discovery_;
  TcpEffects* tcp_ = nullptr;
  ExpiryWheel wheel_;
  AllocationTable allocations_;
  std::list<HeldReservation> reservations_;
  PeerConnectionTable connections_;
  // ConnectionBind requests that another shard decides, by the client's 5-tuple.
  std::unordered_map<base::FiveTuple, DeferredRequest, base::FiveTupleHash> waiting_binds_;
  // Connections that were joined here for the allocation of another shard.
  std::unordered_map<std::uint32_t, ShardIndex> joined_for_others_;
  MobilityTickets tickets_;
  MoveTable moves_;                     // to clients of this shard
  std::size_t forwarded_requests_ = 0;  // that have not been answered
  // What is sent in replay stands here, until the next batch begins.
  std::vector<WaitingMessage> replayed_;
  std::vector<PeerAddress> wanted_peers_;  // of the CreatePermission at hand; kept for its memory
};

}  // namespace turn
