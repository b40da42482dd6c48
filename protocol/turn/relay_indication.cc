#include <algorithm>

#include "protocol/base/byte_writer.h"
#include "protocol/base/check.h"
#include "protocol/stun/attributes.h"
#include "protocol/stun/channel_data.h"
#include "protocol/stun/icmp.h"
#include "protocol/stun/message_writer.h"
#include "protocol/turn/engine_state.h"

// Application data on its slow way: Send indications to peers, and datagrams from peers that no
// datapath forwarded. Nothing here touches the heap.
namespace turn {
namespace {

using stun::AttributeType;

constexpr std::size_t kAttributeHeaderBytes = 4;
constexpr std::size_t kMaxStunBodyBytes = 0xfffc;
constexpr std::size_t kMaxDtlsBytes = 16384;  // one record

// What one UDP datagram can carry: 65535 octets with the UDP header, and over IPv4 with the IP
// header.
std::size_t MaxUdpPayloadBytes(base::AddressFamily family) {
  return family == base::AddressFamily::kIpv4 ? 65507 : 65527;
}

// The longest message that the client's transport takes in one piece.
std::size_t MaxMessageBytes(const Client& client) {
  const base::FiveTuple& five_tuple = client.five_tuple;
  switch (five_tuple.transport) {
    case base::Transport::kUdp:
      return MaxUdpPayloadBytes(five_tuple.client.address.family());
    case base::Transport::kDtls:
      return kMaxDtlsBytes;
    default:
      return stun::kHeaderBytes + kMaxStunBodyBytes;
  }
}

// Header, XOR-PEER-ADDRESS and the header of DATA.
std::size_t DataIndicationOverhead(const PeerAddress& peer) {
  const std::size_t address_bytes = peer.endpoint.address.is_v4() ? 8 : 20;
  return stun::kHeaderBytes + kAttributeHeaderBytes + address_bytes + kAttributeHeaderBytes;
}

// Writes what precedes `data_bytes` octets of data in a Data indication (RFC 8656 section 11.3).
void WriteDataIndicationHeader(base::MutableBytes out, const PeerAddress& peer,
                               std::size_t data_bytes, const stun::TransactionId& transaction_id) {
  stun::MessageWriter message(out, {stun::Method::kData, stun::MessageClass::kIndication},
                              transaction_id);
  message.AddXorAddress(AttributeType::kXorPeerAddress, peer.endpoint);
  message.AddEmpty(AttributeType::kData);
  CHECK(message.ok() && message.message().size() == out.size());
  // The data stands behind `out` already: only the lengths are missing.
  const std::size_t body_bytes =
      out.size() - stun::kHeaderBytes + data_bytes + stun::StreamPadding(data_bytes);
  base::ByteWriter(out.subspan(2)).WriteU16(static_cast<std::uint16_t>(body_bytes));
  base::ByteWriter(out.last(2)).WriteU16(static_cast<std::uint16_t>(data_bytes));
}

// ICMPv4 Destination Unreachable and Time Exceeded; ICMPv6 Destination Unreachable, Packet Too Big
// and Time Exceeded.
bool IsRelayedIcmp(const stun::IcmpValue& icmp, base::AddressFamily family) {
  if (family == base::AddressFamily::kIpv4) return icmp.type == 3 || icmp.type == 11;
  return icmp.type >= 1 && icmp.type <= 3;
}

}  // namespace

// RFC 8656 section 11.2. Whatever is wrong with it, the client hears nothing.
Engine::Outcome Engine::State::HandleSend(const Client& client, const stun::MessageView& message,
                                          base::MonotonicTime now) {
  if (!FindUnknownAttributes(message, TakesTokens()).empty())
    return Drop(DropReason::kUnknownAttribute, Outcome::kValid);

  // Both attributes, and well formed.
  const auto peer_attribute = message.Find(AttributeType::kXorPeerAddress);
  const auto data = message.Find(AttributeType::kData);
  if (!peer_attribute || !data) return Drop(DropReason::kMalformed, Outcome::kInvalid);
  const std::optional<stun::AddressValue> value =
      stun::DecodeXorAddress(peer_attribute->value, message.cookie_and_transaction_id());
  if (!value) return Drop(DropReason::kMalformed, Outcome::kInvalid);

  // An allocation of the peer's family, and a permission for its address.
  Allocation* allocation = FindLive(client.five_tuple, now);
  if (allocation == nullptr) {
    const Unrouted moved =
        OnUnexpectedClient(client.five_tuple, std::nullopt, message.octets(), now);
    if (moved == Unrouted::kTaken) return Outcome::kValid;
    if (moved == Unrouted::kRouted) allocation = FindLive(client.five_tuple, now);
  }
  if (allocation == nullptr) return Drop(DropReason::kNoAllocation, Outcome::kValid);
  if (allocation->protocol != RelayProtocol::kUdp)
    return Drop(DropReason::kPolicy, Outcome::kValid);
  const PeerAddress peer = NameOf(PeerAddress{value->endpoint});
  const base::AddressFamily family = peer.endpoint.address.family();
  if (value->wire_family != family) return Drop(DropReason::kPolicy, Outcome::kValid);
  const Relay* const relay = allocation->FindRelay(family);
  if (relay == nullptr || allocation->permissions.Find(peer.endpoint.address, now) == nullptr)
    return Drop(DropReason::kNoPermission, Outcome::kValid);

  // Restrictions on peers, which name ports here.
  if (peer.endpoint.port == 0) return Drop(DropReason::kPolicy, Outcome::kValid);
  const PeerPolicy::Verdict verdict = allocation->Narrow(policy_->peers.Judge(peer));
  const PeerAddress wire = policy_->peers.ToWire(peer);
  const bool is_refused_relay =
      verdict == PeerPolicy::Verdict::kOwnRelay &&
      (wire.endpoint == relay->address.endpoint || !ledger_.IsLive(wire.endpoint));
  if (verdict == PeerPolicy::Verdict::kDenied || is_refused_relay)
    return Drop(DropReason::kPolicy, Outcome::kValid);
  if (data->value.size() > MaxUdpPayloadBytes(family))
    return Drop(DropReason::kTooLarge, Outcome::kValid);

  // Where IPv6 takes part in a translation, DONT-FRAGMENT means nothing (sections 13.1 to 13.3).
  const bool is_v4_through =
      family == base::AddressFamily::kIpv4 &&
      (client.five_tuple.client.address.is_v4() || base::IsStream(client.five_tuple.transport));
  const bool dont_fragment = is_v4_through && message.Has(AttributeType::kDontFragment);
  effects_.SendToPeer(client, relay->handle, wire, data->value, dont_fragment);
  return Outcome::kValid;
}

Allocation* Engine::State::FindLiveByRelay(RelayHandle handle, base::MonotonicTime now) {
  const AllocationTable::RelayOwner owner = allocations_.FindByRelay(handle);
  if (owner.allocation == nullptr) return nullptr;
  return owner.allocation->FindRelay(owner.family)->expires_at > now ? owner.allocation : nullptr;
}

// RFC 8656 section 11.5. The quoted destination counts, not who complains: a router, or anybody.
void Engine::State::OnPeerUnreachable(RelayHandle handle, const PeerAddress& destination,
                                      const stun::IcmpValue& icmp, base::MutableBytes room,
                                      base::MonotonicTime now) {
  const auto drop = [&](DropReason reason) { effects_.Report(PacketDropped{reason}); };
  if (!IsRelayedIcmp(icmp, destination.endpoint.address.family())) return drop(DropReason::kPolicy);
  Allocation* const owner = FindLiveByRelay(handle, now);
  if (owner == nullptr) return drop(DropReason::kNoAllocation);
  const Allocation& allocation = *owner;
  if (allocation.is_detached()) return drop(DropReason::kNoClient);
  const bool is_live_relay = ledger_.IsLive(destination.endpoint);
  const PeerAddress peer = is_live_relay ? policy_->peers.FromWire(destination) : destination;
  if (allocation.permissions.Find(peer.endpoint.address, now) == nullptr)
    return drop(DropReason::kNoPermission);

  // An indication whatever channels there are (section 12.5).
  stun::TransactionId transaction_id;
  random_.Fill(transaction_id);
  stun::MessageWriter message(room, {stun::Method::kData, stun::MessageClass::kIndication},
                              transaction_id);
  message.AddXorAddress(AttributeType::kXorPeerAddress, peer.endpoint);
  message.AddBytes(AttributeType::kIcmp, stun::EncodeIcmp(icmp));
  CHECK(message.ok());
  effects_.SendDataToClient(allocation.client, message.message(), 0);
}

// RFC 8656 sections 11.3 and 12.7.
void Engine::State::OnPeerDatagram(RelayHandle handle, const PeerAddress& source,
                                   base::MutableBytes payload, base::MonotonicTime now) {
  const auto drop = [&](DropReason reason) { effects_.Report(PacketDropped{reason}); };

  Allocation* const owner = FindLiveByRelay(handle, now);
  if (owner == nullptr) return drop(DropReason::kNoAllocation);
  Allocation& allocation = *owner;
  if (allocation.is_detached()) return drop(DropReason::kNoClient);

  // A relay of ours is known to clients by its external address.
  const bool is_live_relay = ledger_.IsLive(source.endpoint);
  const PeerAddress peer = is_live_relay ? policy_->peers.FromWire(source) : source;
  const Permission* const permission = allocation.permissions.Find(peer.endpoint.address, now);
  if (permission == nullptr) return drop(DropReason::kNoPermission);
  if (permission->is_own_relay && !is_live_relay) return drop(DropReason::kPolicy);

  const bool is_stream = base::IsStream(allocation.client.five_tuple.transport);
  const std::size_t padding = stun::StreamPadding(payload.size());
  const ChannelBinding* const channel = allocation.channels.FindByPeer(peer, now);
  if (channel != nullptr) {
    // The datapath does not know the route, or not any more.
    InstallRoute(allocation, *channel, now);
    const std::size_t message_bytes = stun::kChannelDataHeaderBytes + payload.size();
    const bool fits =
        is_stream ? payload.size() <= 0xffff : message_bytes <= MaxMessageBytes(allocation.client);
    if (!fits) return drop(DropReason::kTooLarge);
    std::uint8_t* const start = payload.data() - stun::kChannelDataHeaderBytes;
    stun::WriteChannelDataHeader({start, stun::kChannelDataHeaderBytes}, channel->number,
                                 payload.size());
    const std::size_t tail = is_stream ? padding : 0;
    std::fill_n(payload.data() + payload.size(), tail, std::uint8_t{0});
    return effects_.SendDataToClient(allocation.client, {start, message_bytes + tail},
                                     payload.size());
  }

  const std::size_t overhead = DataIndicationOverhead(peer);
  const std::size_t message_bytes = overhead + payload.size() + padding;
  if (message_bytes >
      std::min(MaxMessageBytes(allocation.client), stun::kHeaderBytes + kMaxStunBodyBytes))
    return drop(DropReason::kTooLarge);
  stun::TransactionId transaction_id;
  random_.Fill(transaction_id);
  std::uint8_t* const start = payload.data() - overhead;
  WriteDataIndicationHeader({start, overhead}, peer, payload.size(), transaction_id);
  std::fill_n(payload.data() + payload.size(), padding, std::uint8_t{0});
  effects_.SendDataToClient(allocation.client, {start, message_bytes}, payload.size());
}

}  // namespace turn
