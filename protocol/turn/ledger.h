#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/random.h"
#include "protocol/base/time.h"
#include "protocol/stun/attributes.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/event.h"
#include "protocol/turn/mobility_ticket.h"
#include "protocol/turn/peer_policy.h"
#include "protocol/turn/quota_counts.h"
#include "protocol/turn/relay_port_pool.h"

namespace turn {

// Whom an allocation (or a reservation) is charged to.
struct Owner {
  std::string subject;
  std::string tenant;
  base::IpAddress source;
  bool relays_only = false;  // a stranger who tests, under that tenant: RelaysOnlyLimits hold, too
};

// How many relayed transport addresses there are at most with credentials that reach relays only.
struct RelaysOnlyLimits {
  static constexpr std::uint32_t kPerUser = 64;
  static constexpr std::uint32_t kInAll = 1024;
};

// A relayed transport address that is held for whoever brings the token (RFC 8656 section 7.2).
struct Reservation {
  RelayedTransportAddress address;
  RelayHandle relay;
  Owner owner;  // the charge goes along with the reservation
  base::MonotonicTime expires_at;
};

// Everything that shards of one process share: quotas, relay ports, reservations, and where
// allocations with a mobility ticket and connections with peers are. Control messages
// touch it, packets only ask IsLive, which takes no lock. Thread-safe: one mutex, held for
// microseconds (docs/adr/0003).
class Ledger {
 public:
  struct Options {
    std::uint32_t allocations = 16000;  // 0: unlimited, and so the next three
    std::uint32_t allocations_per_user = 300;
    std::uint32_t allocations_per_tenant = 0;
    std::uint32_t allocations_per_source = 0;
    std::uint16_t min_port = 49152;
    std::uint16_t max_port = 65535;
    std::vector<std::uint16_t> excluded_ports;
    std::vector<RelayAddress>
        relay_addresses;  // both families; several of one family are used evenly
  };
  explicit Ledger(Options options);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();

  // Charges one relayed transport address to the owner. nullopt: charged; else what stands against
  // it.
  std::optional<QuotaScope> Charge(const Owner& owner);
  void Discharge(const Owner& owner);
  // What another process has granted (docs/adr/0018) is charged in any case.
  void ChargeBeyondLimits(const Owner& owner);
  // Of the owner's user: a small number that no other user has at the same time, and that stays
  // until nothing is charged to this one any more. 0: nothing is.
  UserNumber NumberOf(const Owner& owner) const;

  // How much each user and tenant has here.
  std::vector<QuotaCount> ReadCounts() const;
  // What they have on other nodes of a fleet, which counts towards the limits of users and tenants
  // from now on. nullptr: nothing.
  void SetCountsElsewhere(std::shared_ptr<const QuotaCounts> counts);

  bool HasFamily(base::AddressFamily family) const;
  // Takes a port (for kEvenPair two) of some relay address of the family; nullopt: none left. It is
  // not live yet.
  std::optional<RelayedTransportAddress> TakePort(base::AddressFamily family,
                                                  RelayPortPool::Request request,
                                                  base::RandomSource& random,
                                                  base::MonotonicTime now);
  void ReturnPort(const RelayedTransportAddress& address, base::MonotonicTime now);
  // Takes this very port. False: it is taken, or none of ours.
  bool ClaimPort(const RelayedTransportAddress& address);
  // The system would not bind it.
  void ReturnForeignPort(const RelayedTransportAddress& address, base::MonotonicTime now);

  // A live port belongs to an allocation that can receive. `address` is internal. Lock-free.
  // For TCP and UDP apart: where one is ours the other may be any program's.
  void SetLive(const RelayedTransportAddress& address, RelayProtocol protocol, bool is_live);
  bool IsLive(const base::Endpoint& address, RelayProtocol protocol = RelayProtocol::kUdp) const;

  // Those of this process, over UDP.
  std::vector<base::Endpoint> ListLive() const;
  // The port is live in another process of this server (docs/adr/0018), or not any more: IsLive
  // says so, too. Addresses that are not ours are ignored. Lock-free.
  void SetLiveElsewhere(const base::Endpoint& address, bool is_live);
  // There is no other process any more.
  void ForgetElsewhere();

  // Keeps the reservation under a new random token.
  stun::ReservationToken Reserve(Reservation reservation, base::RandomSource& random);
  // Hands the reservation over if the token is known, not expired, and its owner has the same
  // subject and tenant; the token is used up. Ports, charge and relay socket then belong to the
  // caller.
  std::optional<Reservation> Redeem(const stun::ReservationToken& token, const Owner& owner,
                                    base::MonotonicTime now);
  // Keeps it under the token that it had in another process. False: there is one already.
  bool ClaimReservation(const stun::ReservationToken& token, Reservation reservation);
  // nullopt: the token is unknown, or used up.
  std::optional<Reservation> FindReservation(const stun::ReservationToken& token) const;
  // Takes back what nobody redeemed; nullopt if it was redeemed.
  std::optional<Reservation> TakeBack(const stun::ReservationToken& token);

  // A TCP connection with a peer (RFC 6062): the shard that has it, and the client's end of the
  // control connection that it was announced on.
  struct Connection {
    ShardIndex owner;
    base::Endpoint control;
  };
  // A new identifier for it.
  ConnectionId RegisterConnection(const Connection& connection, base::RandomSource& random);
  std::optional<Connection> FindConnection(ConnectionId connection) const;
  void ForgetConnection(ConnectionId connection);

  // An allocation with a mobility ticket (RFC 8016), and the shard that has it.
  struct Mobile {
    std::uint64_t allocation_id;
    ShardIndex shard;
  };
  // A new identifier for it.
  MobileId RegisterMobile(const Mobile& mobile, base::RandomSource& random);
  // The identifier that it had in another process. False: there is one already.
  bool ClaimMobile(MobileId id, const Mobile& mobile);
  void SetShardOf(MobileId id, ShardIndex shard);
  std::optional<Mobile> FindMobile(MobileId id) const;
  void ForgetMobile(MobileId id);

  struct Totals {
    std::size_t allocations;  // charged units: allocations and reservations
    std::size_t ports_in_use;
    std::size_t ports_limit;
    std::size_t reservations;
    std::size_t subjects;  // with at least one unit
  };
  Totals ReadTotals() const;

  // Limits can change at a reload; what is above a new limit stays until it ends.
  void SetLimits(const Options& limits);

 private:
  struct AddressPool;  // a RelayAddress, its pool and its bitmap of live ports

  // What is charged to a user.
  struct UserAccount {
    std::uint32_t units = 0;
    UserNumber number;
  };

  // The lock is held for all of them.
  void Count(const Owner& owner, const std::string& subject);
  void ChargeUser(const std::string& key);
  void DischargeUser(const std::string& key);
  std::uint32_t UnitsOfUser(const std::string& key) const;
  std::size_t CountOfUser(const Owner& owner, const std::string& key) const;
  std::size_t CountOfTenant(const Owner& owner) const;

  AddressPool* Find(const base::IpAddress& internal) const;

  mutable std::mutex mutex_;
  Options options_;
  std::vector<std::unique_ptr<AddressPool>> pools_;
  std::size_t next_pool_ = 0;
  std::size_t charged_ = 0;
  std::shared_ptr<const QuotaCounts> elsewhere_;
  std::unordered_map<std::string, UserAccount> by_subject_;
  std::set<UserNumber> free_numbers_;  // of those that have been given away once
  std::unordered_map<std::string, std::uint32_t> by_tenant_;
  std::unordered_map<base::IpAddress, std::uint32_t, base::IpAddressHash> by_source_;
  std::map<stun::ReservationToken, Reservation> reservations_;
  std::unordered_map<std::uint32_t, Connection> connections_;
  std::unordered_map<std::uint32_t, Mobile> mobiles_;
};

}  // namespace turn
