#include <array>
#include <memory>
#include <utility>
#include <variant>

#include "protocol/base/byte_writer.h"
#include "protocol/stun/attributes.h"
#include "protocol/turn/client_filter.h"
#include "protocol/turn/engine_state.h"
#include "protocol/turn/lifetime.h"

namespace turn {
namespace {

using base::AddressFamily;
using stun::AttributeType;
using stun::ErrorCode;

// What the client asks for, syntactically right.
struct AllocateWishes {
  std::uint8_t transport = 0;
  std::optional<std::uint32_t> lifetime;
  std::optional<bool> even_port;  // the R bit
  std::optional<stun::ReservationToken> token;
  std::optional<std::uint8_t> family;             // REQUESTED-ADDRESS-FAMILY
  std::optional<std::uint8_t> additional_family;  // ADDITIONAL-ADDRESS-FAMILY
  bool dont_fragment = false;
  bool ticket = false;  // an empty MOBILITY-TICKET: the client wants one
};

// Decodes an attribute into `out` if the message has it. False: it is malformed.
template <typename Decode, typename Value>
bool ReadOptional(const stun::MessageView& message, AttributeType type, Decode decode,
                  std::optional<Value>& out) {
  const std::optional<stun::Attribute> attribute = message.Find(type);
  if (!attribute) return true;
  out = decode(attribute->value);
  return out.has_value();
}

// nullopt: REQUESTED-TRANSPORT is missing or something is malformed.
std::optional<AllocateWishes> ReadWishes(const stun::MessageView& message) {
  AllocateWishes wishes;
  std::optional<std::uint8_t> transport;
  const bool is_well_formed =
      ReadOptional(message, AttributeType::kRequestedTransport, stun::DecodeRequestedTransport,
                   transport) &&
      ReadOptional(message, AttributeType::kLifetime, stun::DecodeU32, wishes.lifetime) &&
      ReadOptional(message, AttributeType::kEvenPort, stun::DecodeEvenPort, wishes.even_port) &&
      ReadOptional(message, AttributeType::kReservationToken, stun::DecodeReservationToken,
                   wishes.token) &&
      ReadOptional(message, AttributeType::kRequestedAddressFamily, stun::DecodeRequestedFamily,
                   wishes.family) &&
      ReadOptional(message, AttributeType::kAdditionalAddressFamily, stun::DecodeRequestedFamily,
                   wishes.additional_family);
  if (!is_well_formed || !transport) return std::nullopt;
  if (const auto ticket = message.Find(AttributeType::kMobilityTicket)) {
    if (!ticket->value.empty()) return std::nullopt;  // RFC 8016 section 3.1.2
    wishes.ticket = true;
  }
  wishes.transport = *transport;
  wishes.dont_fragment = message.Has(AttributeType::kDontFragment);
  return wishes;
}

// Attributes that exclude each other (steps 5, 6, 8 and 9).
bool AreContradictory(const AllocateWishes& wishes) {
  if (wishes.token && (wishes.even_port || wishes.family || wishes.additional_family)) return true;
  if (!wishes.additional_family) return false;
  const bool is_ipv6 = *wishes.additional_family == static_cast<std::uint8_t>(AddressFamily::kIpv6);
  return wishes.family || !is_ipv6 || wishes.even_port == true;
}

// RFC 6062 section 5.1: over TCP or TLS, and without what only datagrams have.
bool MayHaveTcpRelay(const AllocateWishes& wishes, const Client& client) {
  const base::Transport transport = client.five_tuple.transport;
  return (transport == base::Transport::kTcp || transport == base::Transport::kTls) &&
         !wishes.dont_fragment && !wishes.even_port && !wishes.token;
}

// One unit of quota, given back unless it is kept.
class QuotaCharge {
 public:
  QuotaCharge(Ledger& ledger, const Owner& owner)
      : ledger_(ledger), owner_(owner), refused_(ledger.Charge(owner)) {}
  QuotaCharge(const QuotaCharge&) = delete;
  QuotaCharge& operator=(const QuotaCharge&) = delete;
  ~QuotaCharge() {
    if (!refused_ && !is_kept_) ledger_.Discharge(owner_);
  }

  std::optional<QuotaScope> refused() const { return refused_; }
  void Keep() { is_kept_ = true; }

 private:
  Ledger& ledger_;
  const Owner& owner_;
  std::optional<QuotaScope> refused_;
  bool is_kept_ = false;
};

// Section 18.12: family, reserved bits, then a code as in ERROR-CODE, here without a reason.
void AddAddressError(stun::MessageWriter& attributes, const AddressError& error) {
  const auto code = static_cast<std::uint16_t>(error.code);
  std::array<std::uint8_t, 4> value;
  base::ByteWriter writer(value);
  writer.WriteU8(static_cast<std::uint8_t>(error.family));
  writer.WriteU8(0);
  writer.WriteU8(static_cast<std::uint8_t>(code / 100));
  writer.WriteU8(static_cast<std::uint8_t>(code % 100));
  attributes.AddBytes(AttributeType::kAddressErrorCode, value);
}

void WriteSuccess(const Allocation& allocation, base::MonotonicTime now,
                  stun::MessageWriter& attributes) {
  allocation.ForEachRelay([&](const Relay& relay) {
    attributes.AddXorAddress(AttributeType::kXorRelayedAddress, relay.external);
  });
  attributes.AddU32(AttributeType::kLifetime, RemainingSeconds(allocation.LatestExpiry(), now));
  if (allocation.reservation_token)
    attributes.AddBytes(AttributeType::kReservationToken, *allocation.reservation_token);
  attributes.AddXorAddress(AttributeType::kXorMappedAddress, allocation.client.five_tuple.client);
  if (allocation.address_error) AddAddressError(attributes, *allocation.address_error);
  if (allocation.mobility)
    attributes.AddBytes(AttributeType::kMobilityTicket, allocation.mobility->ticket);
}

}  // namespace

// RFC 8656 section 7.2; the numbers are its steps. Step 1, authentication, is behind us.
std::optional<StunError> Engine::State::HandleAllocate(const Request& request, Response& success) {
  const base::MonotonicTime now = request.now.monotonic;
  const Credential& credential = request.user->credential;

  // 2. The 5-tuple is in use; perhaps because our answer to this very request was lost.
  if (const Allocation* const existing = request.allocation) {
    const bool is_retransmission = existing->transaction_id == request.message.transaction_id() &&
                                   existing->BelongsTo(credential) && !request.mobility.is_pending;
    if (!is_retransmission) return ErrorCode::kAllocationMismatch;
    WriteSuccess(*existing, now, success.attributes());
    return std::nullopt;
  }
  const UnknownAttributes unknown = FindUnknownAttributes(request.message, TakesTokens());
  if (!unknown.empty()) return StunError(unknown);

  // 3. REQUESTED-TRANSPORT, and the syntax of everything else.
  const std::optional<AllocateWishes> wishes = ReadWishes(request.message);
  if (!wishes) return ErrorCode::kBadRequest;
  const bool wants_tcp = wishes->transport == static_cast<std::uint8_t>(RelayProtocol::kTcp);
  if (wants_tcp) {
    if (!IsTcpRelayOn()) return ErrorCode::kUnsupportedTransportProtocol;
    if (!MayHaveTcpRelay(*wishes, request.client)) return ErrorCode::kBadRequest;
    if (credential.relays_only) return ErrorCode::kForbidden;
  } else if (wishes->transport != static_cast<std::uint8_t>(RelayProtocol::kUdp)) {
    return ErrorCode::kUnsupportedTransportProtocol;
  } else if (!policy_->udp_relay) {
    return ErrorCode::kForbidden;
  }

  // 4. Between an IPv4 client and an IPv6 relay the DF bit gets lost (section 3.7).
  const base::IpAddress& client_address = request.client.five_tuple.client.address;
  if (wishes->dont_fragment && client_address.is_v4() &&
      wishes->family == static_cast<std::uint8_t>(AddressFamily::kIpv6))
    return StunError(UnknownAttributes{AttributeType::kDontFragment});

  // 5, 6, 8, 9. Attributes that exclude each other.
  if (AreContradictory(*wishes)) return ErrorCode::kBadRequest;

  // 7. Families: IPv4 unless something else is asked for.
  const std::uint8_t asked =
      wishes->family.value_or(static_cast<std::uint8_t>(AddressFamily::kIpv4));
  if (asked != 1 && asked != 2) return ErrorCode::kAddressFamilyNotSupported;
  const auto family = static_cast<AddressFamily>(asked);
  if (!wishes->additional_family && !wishes->token && !ledger_.HasFamily(family))
    return ErrorCode::kAddressFamilyNotSupported;

  // Administration.
  if (wishes->ticket && !policy_->mobility) return ErrorCode::kMobilityForbidden;
  if (IsTunnelled(client_address)) return ErrorCode::kForbidden;

  // 11. Redirection. A reservation, though, is here and nowhere else.
  const Owner owner = OwnerOf(credential, request.client);
  if (const auto alternate = wishes->token ? std::nullopt : ChooseAlternateFor(request)) {
    // 10. Whoever has had his share gets no other server's.
    const QuotaCharge charge(ledger_, owner);
    if (charge.refused() && charge.refused() != QuotaScope::kTotal)
      return RefuseForQuota(*charge.refused());
    return StunError(*alternate);
  }
  if (policy_->draining) return ErrorCode::kInsufficientCapacity;

  auto allocation = std::make_unique<Allocation>();
  allocation->id = NewAllocationId();
  allocation->client = request.client;
  allocation->username = credential.username;
  allocation->owner = owner;
  allocation->protocol = static_cast<RelayProtocol>(wishes->transport);
  allocation->relays_only = credential.relays_only;
  allocation->transaction_id = request.message.transaction_id();
  if (credential.token) allocation->token = std::make_unique<Credential>(credential);
  const base::MonotonicTime expires_at =
      now + GrantLifetime(*policy_, wishes->lifetime, credential, request.now.wall);

  // 5, 8, 9, 10. A relayed transport address, or two, within the quotas.
  std::optional<StunError> error;
  if (wishes->token) {
    error = OpenReserved(*allocation, *wishes->token, expires_at, now);
  } else if (wishes->additional_family) {
    error = OpenDual(*allocation, wishes->even_port.has_value(), expires_at, now);
  } else if (wishes->even_port == true) {
    error = OpenPair(*allocation, family, expires_at, now);
  } else {
    error = OpenSingle(*allocation, family, wishes->even_port.has_value(), expires_at, now);
  }
  if (error) return error;

  // What TCP relays are made of stays in its shard, and with its connections.
  if (wishes->ticket && !wants_tcp) MakeMobile(*allocation);
  WriteSuccess(Register(std::move(allocation)), now, success.attributes());
  return std::nullopt;
}

std::optional<Alternate> Engine::State::ChooseAlternateFor(const Request& request) {
  const base::FiveTuple& five_tuple = request.client.five_tuple;
  const bool has_certificate = five_tuple.transport == base::Transport::kTls ||
                               five_tuple.transport == base::Transport::kDtls ||
                               five_tuple.transport == base::Transport::kWss;
  const RedirectedClient client{
      five_tuple.client.address.family(),
      {five_tuple.server, NameOf(PeerAddress{five_tuple.server}).endpoint},
      has_certificate && request.message.Has(AttributeType::kMessageIntegritySha256)};
  return ChooseAlternate(policy_->redirect, policy_->draining, client, random_);
}

std::optional<StunError> Engine::State::OpenSingle(Allocation& allocation, AddressFamily family,
                                                   bool is_even, base::MonotonicTime expires_at,
                                                   base::MonotonicTime now) {
  QuotaCharge charge(ledger_, allocation.owner);
  if (charge.refused()) return RefuseForQuota(*charge.refused());
  const auto port = is_even ? RelayPortPool::Request::kEven : RelayPortPool::Request::kAny;
  const std::optional<OpenedRelay> opened = OpenRelay(allocation.protocol, family, port, now);
  if (!opened) return RefuseForQuota(QuotaScope::kPorts);
  AttachRelay(allocation, *opened, expires_at, now);
  charge.Keep();
  return std::nullopt;
}

std::optional<StunError> Engine::State::OpenPair(Allocation& allocation, AddressFamily family,
                                                 base::MonotonicTime expires_at,
                                                 base::MonotonicTime now) {
  QuotaCharge charge(ledger_, allocation.owner);
  if (charge.refused()) return RefuseForQuota(*charge.refused());
  QuotaCharge reservation_charge(ledger_, allocation.owner);
  if (reservation_charge.refused()) return RefuseForQuota(*reservation_charge.refused());
  const std::optional<OpenedPair> opened = OpenRelayPair(family, now);
  if (!opened) return RefuseForQuota(QuotaScope::kPorts);
  AttachRelay(allocation, opened->even, expires_at, now);
  charge.Keep();
  allocation.reservation_token = HoldReservation(opened->odd, allocation.owner, now);
  reservation_charge.Keep();
  return std::nullopt;
}

std::optional<StunError> Engine::State::OpenDual(Allocation& allocation, bool is_even,
                                                 base::MonotonicTime expires_at,
                                                 base::MonotonicTime now) {
  // Half of it is a success, too, which names the half that is missing.
  const auto open = [&](AddressFamily family) -> std::optional<StunError> {
    if (!ledger_.HasFamily(family)) return ErrorCode::kAddressFamilyNotSupported;
    return OpenSingle(allocation, family, is_even, expires_at, now);
  };
  const std::optional<StunError> ipv4_error = open(AddressFamily::kIpv4);
  const std::optional<StunError> ipv6_error = open(AddressFamily::kIpv6);
  if (ipv4_error && ipv6_error) {
    const bool is_quota = ipv4_error->code == ErrorCode::kAllocationQuotaReached ||
                          ipv6_error->code == ErrorCode::kAllocationQuotaReached;
    return is_quota ? ErrorCode::kAllocationQuotaReached : ErrorCode::kInsufficientCapacity;
  }
  if (ipv4_error || ipv6_error) {
    const ErrorCode code = ipv4_error ? ipv4_error->code : ipv6_error->code;
    allocation.address_error = AddressError{
        ipv4_error ? AddressFamily::kIpv4 : AddressFamily::kIpv6,
        code == ErrorCode::kAddressFamilyNotSupported ? code : ErrorCode::kInsufficientCapacity};
  }
  return std::nullopt;
}

std::optional<StunError> Engine::State::OpenReserved(Allocation& allocation,
                                                     const stun::ReservationToken& token,
                                                     base::MonotonicTime expires_at,
                                                     base::MonotonicTime now) {
  const std::optional<Reservation> reserved = ledger_.Redeem(token, allocation.owner, now);
  if (!reserved) return ErrorCode::kInsufficientCapacity;
  // The charge was made when it was reserved, perhaps for another source address.
  allocation.owner = reserved->owner;
  AttachRelay(allocation, OpenedRelay{reserved->relay, reserved->address}, expires_at, now);
  return std::nullopt;
}

StunError Engine::State::RefuseForQuota(QuotaScope scope) {
  effects_.Report(QuotaRejected{scope});
  const bool is_capacity = scope == QuotaScope::kTotal || scope == QuotaScope::kPorts;
  return is_capacity ? ErrorCode::kInsufficientCapacity : ErrorCode::kAllocationQuotaReached;
}

}  // namespace turn
