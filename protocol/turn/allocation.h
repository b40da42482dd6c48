#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"
#include "protocol/stun/attributes.h"
#include "protocol/stun/error_code.h"
#include "protocol/stun/message_view.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/channel_set.h"
#include "protocol/turn/credential_source.h"
#include "protocol/turn/expiry_wheel.h"
#include "protocol/turn/ledger.h"
#include "protocol/turn/mobility.h"
#include "protocol/turn/peer_policy.h"
#include "protocol/turn/permission_set.h"

namespace turn {

// One relayed transport address of an allocation with the socket behind it.
struct Relay {
  RelayHandle handle;
  RelayedTransportAddress address;
  base::Endpoint external;  // as the world knows it
  base::MonotonicTime opened_at;
  base::MonotonicTime expires_at;
};

// The half of a dual request that could not be met (RFC 8656 section 18.12).
struct AddressError {
  base::AddressFamily family;
  stun::ErrorCode code;
};

// What the server keeps for one 5-tuple (RFC 8656 section 6): one relay, or one of each family.
class Allocation : public ExpiryWheel::Entry {
 public:
  Allocation() : Entry(ExpiryWheel::Kind::kAllocation) {}

  // In an order that leaves no gaps: there are many of it.
  RelayProtocol protocol = RelayProtocol::kUdp;
  bool relays_only = false;  // as the credential that it was made with
  UserNumber user;           // of the owner, for datapaths
  std::uint64_t id = 0;
  Client client;

  // What a retransmission of the Allocate request is answered with.
  stun::TransactionId transaction_id{};
  std::optional<stun::ReservationToken> reservation_token;
  std::optional<AddressError> address_error;

  std::string username;
  Owner owner;  // whom each relay is charged to
  // The access token that it was made or last refreshed with (RFC 7635); nullptr: made with a user
  // name. Its mac_key signs what comes without a token.
  std::unique_ptr<const Credential> token;

  std::unique_ptr<Mobility> mobility;  // nullptr: without a ticket
  // Without a client until a ticket gives it one. `client` is the last one then.
  bool is_detached() const { return mobility != nullptr && mobility->is_detached; }

  // When the failures to connect to peers over TCP will be forgotten, a second for each.
  base::MonotonicTime connect_failures_until{};

  PermissionSet permissions;
  ChannelSet channels;

  // nullptr: no relay of the family.
  Relay* FindRelay(base::AddressFamily family);
  const Relay* FindRelay(base::AddressFamily family) const;
  Relay& AddRelay(const Relay& relay);
  void RemoveRelay(base::AddressFamily family);
  bool HasRelay() const { return first_relay_.has_value() || second_relay_ != nullptr; }

  // Calls `visit(relay)` for each relay, IPv4 first.
  template <typename Visitor>
  void ForEachRelay(Visitor&& visit) const {
    for (const auto family : {base::AddressFamily::kIpv4, base::AddressFamily::kIpv6}) {
      if (const Relay* const relay = FindRelay(family)) visit(*relay);
    }
  }

  // When the last relay ends.
  base::MonotonicTime LatestExpiry() const;
  // When something of it ends next: a relay, a permission or a channel.
  base::MonotonicTime NextExpiry() const;

  // Whether the user may act on this allocation (RFC 8656 section 5): the same name, or another
  // one-time name of the same subject, since clients renew those during a session. One that was
  // made with an access token belongs to that token alone.
  bool BelongsTo(const Credential& credential) const;
  // What becomes of the policy's verdict on a peer for this allocation.
  PeerPolicy::Verdict Narrow(PeerPolicy::Verdict verdict) const {
    const bool is_out_of_reach = relays_only && verdict == PeerPolicy::Verdict::kAllowed;
    return is_out_of_reach ? PeerPolicy::Verdict::kDenied : verdict;
  }
  // Whether a Refresh request with this credential may put it in the place of the allocation's
  // access token (RFC 7635 section 9): it is from another token. Nothing in tokens says that two of
  // them are of one client; what does is the 5-tuple, with a nonce that is bound to it.
  bool MayBeRenewedWith(const Credential& credential) const;

 private:
  // Most have one, which is in here.
  std::optional<Relay> first_relay_;
  std::unique_ptr<Relay> second_relay_;
};

// Whom an allocation made with the credential is charged to.
Owner OwnerOf(const Credential& credential, const Client& client);

}  // namespace turn
