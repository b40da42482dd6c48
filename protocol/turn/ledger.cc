#include "protocol/turn/ledger.h"

#include <string_view>
#include <utility>

#include "protocol/base/bytes.h"
#include "protocol/base/check.h"

namespace turn {
namespace {

constexpr std::size_t kPortsPerWord = 64;

// One name for a subject of one tenant: two tenants may know the same subject.
std::string SubjectKey(const Owner& owner) {
  std::string key;
  key.reserve(owner.tenant.size() + 1 + owner.subject.size());
  key.append(owner.tenant).push_back('\0');
  key.append(owner.subject);
  return key;
}

bool IsReached(std::uint32_t limit, std::size_t count) { return limit != 0 && count >= limit; }

template <typename Map, typename Key>
std::uint32_t CountOf(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? 0 : found->second;
}

template <typename Map, typename Key>
void CountDown(Map& map, const Key& key) {
  const auto found = map.find(key);
  CHECK(found != map.end());
  if (--found->second == 0) map.erase(found);
}

template <typename Map, typename Value>
std::uint32_t EmplaceUnderRandomId(Map& map, const Value& value, base::RandomSource& random) {
  for (;;) {
    std::array<std::uint8_t, 4> octets;
    random.Fill(octets);
    std::uint32_t id = 0;
    for (const std::uint8_t octet : octets) id = (id << 8) | octet;
    if (map.emplace(id, value).second) return id;
  }
}

// By port.
using Bitmap = std::array<std::atomic<std::uint64_t>, 65536 / kPortsPerWord>;

void SetBit(Bitmap& bitmap, std::uint16_t port, bool is_set) {
  std::atomic<std::uint64_t>& word = bitmap[port / kPortsPerWord];
  const std::uint64_t bit = std::uint64_t{1} << (port % kPortsPerWord);
  if (is_set) {
    word.fetch_or(bit, std::memory_order_release);
  } else {
    word.fetch_and(~bit, std::memory_order_release);
  }
}

bool HasBit(const Bitmap& bitmap, std::uint16_t port) {
  const std::uint64_t word = bitmap[port / kPortsPerWord].load(std::memory_order_acquire);
  return ((word >> (port % kPortsPerWord)) & 1) != 0;
}

}  // namespace

struct Ledger::AddressPool {
  AddressPool(const RelayAddress& relay_address, const Options& options)
      : address(relay_address), ports(options.min_port, options.max_port, options.excluded_ports) {}

  RelayAddress address;
  RelayPortPool ports;
  Bitmap& LiveBy(RelayProtocol protocol) {
    return protocol == RelayProtocol::kTcp ? live_by_tcp : live_by_udp;
  }
  const Bitmap& LiveBy(RelayProtocol protocol) const {
    return protocol == RelayProtocol::kTcp ? live_by_tcp : live_by_udp;
  }
  Bitmap live_by_udp{};
  Bitmap live_by_tcp{};
  Bitmap live_elsewhere{};  // by UDP
};

Ledger::Ledger(Options options) : options_(std::move(options)) {
  for (const RelayAddress& address : options_.relay_addresses)
    pools_.push_back(std::make_unique<AddressPool>(address, options_));
}

Ledger::~Ledger() = default;

std::optional<QuotaScope> Ledger::Charge(const Owner& owner) {
  const std::string subject = SubjectKey(owner);
  const std::lock_guard lock(mutex_);
  if (options_.allocations_per_user != 0 &&
      CountOfUser(owner, subject) >= options_.allocations_per_user)
    return QuotaScope::kUser;
  if (options_.allocations_per_tenant != 0 && !owner.tenant.empty() &&
      CountOfTenant(owner) >= options_.allocations_per_tenant)
    return QuotaScope::kTenant;
  if (owner.relays_only) {
    if (IsReached(RelaysOnlyLimits::kPerUser, UnitsOfUser(subject))) return QuotaScope::kUser;
    if (IsReached(RelaysOnlyLimits::kInAll, CountOf(by_tenant_, owner.tenant)))
      return QuotaScope::kTenant;
  }
  if (IsReached(options_.allocations_per_source, CountOf(by_source_, owner.source)))
    return QuotaScope::kSource;
  if (IsReached(options_.allocations, charged_)) return QuotaScope::kTotal;

  Count(owner, subject);
  return std::nullopt;
}

void Ledger::ChargeBeyondLimits(const Owner& owner) {
  const std::lock_guard lock(mutex_);
  Count(owner, SubjectKey(owner));
}

void Ledger::Count(const Owner& owner, const std::string& subject) {
  ++charged_;
  ChargeUser(subject);
  if (!owner.tenant.empty()) ++by_tenant_[owner.tenant];
  ++by_source_[owner.source];
}

void Ledger::Discharge(const Owner& owner) {
  const std::string subject = SubjectKey(owner);
  const std::lock_guard lock(mutex_);
  CHECK(charged_ != 0);
  --charged_;
  DischargeUser(subject);
  if (!owner.tenant.empty()) CountDown(by_tenant_, owner.tenant);
  CountDown(by_source_, owner.source);
}

UserNumber Ledger::NumberOf(const Owner& owner) const {
  const std::string subject = SubjectKey(owner);
  const std::lock_guard lock(mutex_);
  const auto found = by_subject_.find(subject);
  return found == by_subject_.end() ? UserNumber{} : found->second.number;
}

void Ledger::ChargeUser(const std::string& key) {
  UserAccount& account = by_subject_[key];
  ++account.units;
  if (account.units > 1) return;
  if (free_numbers_.empty()) {
    account.number = {static_cast<std::uint32_t>(by_subject_.size())};
  } else {
    account.number = free_numbers_.extract(free_numbers_.begin()).value();
  }
}

void Ledger::DischargeUser(const std::string& key) {
  const auto found = by_subject_.find(key);
  CHECK(found != by_subject_.end());
  if (--found->second.units != 0) return;
  free_numbers_.insert(found->second.number);
  by_subject_.erase(found);
}

std::uint32_t Ledger::UnitsOfUser(const std::string& key) const {
  const auto found = by_subject_.find(key);
  return found == by_subject_.end() ? 0 : found->second.units;
}

std::size_t Ledger::CountOfUser(const Owner& owner, const std::string& key) const {
  const std::size_t here = UnitsOfUser(key);
  if (elsewhere_ == nullptr) return here;
  return here + CountOf(*elsewhere_, QuotaNameOfUser(owner.tenant, owner.subject));
}

std::size_t Ledger::CountOfTenant(const Owner& owner) const {
  const std::size_t here = CountOf(by_tenant_, owner.tenant);
  if (elsewhere_ == nullptr) return here;
  return here + CountOf(*elsewhere_, QuotaNameOfTenant(owner.tenant));
}

std::vector<QuotaCount> Ledger::ReadCounts() const {
  std::vector<std::pair<std::string, std::uint32_t>> users;
  std::vector<std::pair<std::string, std::uint32_t>> tenants;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, account] : by_subject_) users.emplace_back(key, account.units);
    tenants.assign(by_tenant_.begin(), by_tenant_.end());
  }
  std::vector<QuotaCount> counts;
  counts.reserve(users.size() + tenants.size());
  for (const auto& [key, count] : users) {
    const std::size_t end = key.find('\0');
    const std::string_view text = key;
    counts.push_back({QuotaNameOfUser(text.substr(0, end), text.substr(end + 1)), count});
  }
  for (const auto& [tenant, count] : tenants) counts.push_back({QuotaNameOfTenant(tenant), count});
  return counts;
}

void Ledger::SetCountsElsewhere(std::shared_ptr<const QuotaCounts> counts) {
  // The argument goes after the lock, and with it what was there before.
  const std::lock_guard lock(mutex_);
  elsewhere_.swap(counts);
}

bool Ledger::HasFamily(base::AddressFamily family) const {
  for (const auto& pool : pools_) {
    if (pool->address.internal.family() == family) return true;
  }
  return false;
}

std::optional<RelayedTransportAddress> Ledger::TakePort(base::AddressFamily family,
                                                        RelayPortPool::Request request,
                                                        base::RandomSource& random,
                                                        base::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    AddressPool& pool = *pools_[(next_pool_ + i) % pools_.size()];
    if (pool.address.internal.family() != family) continue;
    const std::optional<std::uint16_t> port = pool.ports.Take(request, random, now);
    if (!port) continue;
    next_pool_ = (next_pool_ + i + 1) % pools_.size();
    return RelayedTransportAddress{{pool.address.internal, *port}};
  }
  return std::nullopt;
}

void Ledger::ReturnPort(const RelayedTransportAddress& address, base::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  AddressPool* pool = Find(address.endpoint.address);
  CHECK(pool != nullptr);
  pool->ports.Return(address.endpoint.port, now);
}

bool Ledger::ClaimPort(const RelayedTransportAddress& address) {
  const std::lock_guard lock(mutex_);
  AddressPool* const pool = Find(address.endpoint.address);
  return pool != nullptr && pool->ports.Claim(address.endpoint.port);
}

void Ledger::ReturnForeignPort(const RelayedTransportAddress& address, base::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  AddressPool* pool = Find(address.endpoint.address);
  CHECK(pool != nullptr);
  pool->ports.ReturnForeign(address.endpoint.port, now);
}

void Ledger::SetLive(const RelayedTransportAddress& address, RelayProtocol protocol, bool is_live) {
  AddressPool* pool = Find(address.endpoint.address);
  CHECK(pool != nullptr);
  SetBit(pool->LiveBy(protocol), address.endpoint.port, is_live);
}

bool Ledger::IsLive(const base::Endpoint& address, RelayProtocol protocol) const {
  const AddressPool* pool = Find(address.address);
  if (pool == nullptr) return false;
  if (HasBit(pool->LiveBy(protocol), address.port)) return true;
  return protocol == RelayProtocol::kUdp && HasBit(pool->live_elsewhere, address.port);
}

std::vector<base::Endpoint> Ledger::ListLive() const {
  std::vector<base::Endpoint> live;
  for (const auto& pool : pools_) {
    for (std::uint32_t port = 0; port < kPortsPerWord * pool->live_by_udp.size(); ++port) {
      const auto number = static_cast<std::uint16_t>(port);
      if (HasBit(pool->live_by_udp, number)) live.push_back({pool->address.internal, number});
    }
  }
  return live;
}

void Ledger::SetLiveElsewhere(const base::Endpoint& address, bool is_live) {
  if (AddressPool* const pool = Find(address.address))
    SetBit(pool->live_elsewhere, address.port, is_live);
}

void Ledger::ForgetElsewhere() {
  for (const auto& pool : pools_) {
    for (std::atomic<std::uint64_t>& word : pool->live_elsewhere) word.store(0);
  }
}

stun::ReservationToken Ledger::Reserve(Reservation reservation, base::RandomSource& random) {
  const std::lock_guard lock(mutex_);
  stun::ReservationToken token;
  do {
    random.Fill(token);
  } while (reservations_.contains(token));
  reservations_.emplace(token, std::move(reservation));
  return token;
}

std::optional<Reservation> Ledger::Redeem(const stun::ReservationToken& token, const Owner& owner,
                                          base::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  const auto found = reservations_.find(token);
  if (found == reservations_.end()) return std::nullopt;
  const Reservation& held = found->second;
  if (held.expires_at <= now) return std::nullopt;
  if (held.owner.subject != owner.subject || held.owner.tenant != owner.tenant) return std::nullopt;
  Reservation redeemed = std::move(found->second);
  reservations_.erase(found);
  return redeemed;
}

bool Ledger::ClaimReservation(const stun::ReservationToken& token, Reservation reservation) {
  const std::lock_guard lock(mutex_);
  return reservations_.emplace(token, std::move(reservation)).second;
}

std::optional<Reservation> Ledger::FindReservation(const stun::ReservationToken& token) const {
  const std::lock_guard lock(mutex_);
  const auto found = reservations_.find(token);
  if (found == reservations_.end()) return std::nullopt;
  return found->second;
}

std::optional<Reservation> Ledger::TakeBack(const stun::ReservationToken& token) {
  const std::lock_guard lock(mutex_);
  const auto found = reservations_.find(token);
  if (found == reservations_.end()) return std::nullopt;
  Reservation taken = std::move(found->second);
  reservations_.erase(found);
  return taken;
}

ConnectionId Ledger::RegisterConnection(const Connection& connection, base::RandomSource& random) {
  const std::lock_guard lock(mutex_);
  return {EmplaceUnderRandomId(connections_, connection, random)};
}

std::optional<Ledger::Connection> Ledger::FindConnection(ConnectionId connection) const {
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(connection.value);
  if (found == connections_.end()) return std::nullopt;
  return found->second;
}

void Ledger::ForgetConnection(ConnectionId connection) {
  const std::lock_guard lock(mutex_);
  connections_.erase(connection.value);
}

MobileId Ledger::RegisterMobile(const Mobile& mobile, base::RandomSource& random) {
  const std::lock_guard lock(mutex_);
  return {EmplaceUnderRandomId(mobiles_, mobile, random)};
}

bool Ledger::ClaimMobile(MobileId id, const Mobile& mobile) {
  const std::lock_guard lock(mutex_);
  return mobiles_.emplace(id.value, mobile).second;
}

void Ledger::SetShardOf(MobileId id, ShardIndex shard) {
  const std::lock_guard lock(mutex_);
  mobiles_.at(id.value).shard = shard;
}

std::optional<Ledger::Mobile> Ledger::FindMobile(MobileId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = mobiles_.find(id.value);
  if (found == mobiles_.end()) return std::nullopt;
  return found->second;
}

void Ledger::ForgetMobile(MobileId id) {
  const std::lock_guard lock(mutex_);
  mobiles_.erase(id.value);
}

Ledger::Totals Ledger::ReadTotals() const {
  const std::lock_guard lock(mutex_);
  Totals totals{charged_, 0, 0, reservations_.size(), by_subject_.size()};
  for (const auto& pool : pools_) {
    totals.ports_in_use += pool->ports.in_use();
    totals.ports_limit += pool->ports.size();
  }
  return totals;
}

void Ledger::SetLimits(const Options& limits) {
  const std::lock_guard lock(mutex_);
  options_.allocations = limits.allocations;
  options_.allocations_per_user = limits.allocations_per_user;
  options_.allocations_per_tenant = limits.allocations_per_tenant;
  options_.allocations_per_source = limits.allocations_per_source;
}

Ledger::AddressPool* Ledger::Find(const base::IpAddress& internal) const {
  for (const auto& pool : pools_) {
    if (pool->address.internal == internal) return pool.get();
  }
  return nullptr;
}

}  // namespace turn
