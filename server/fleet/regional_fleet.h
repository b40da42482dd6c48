#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/revocation_book.h"
#include "protocol/turn/quota_counts.h"
#include "server/fleet/fleet.h"
#include "server/fleet/fleet_link.h"
#include "server/http/event_loop.h"

namespace relay {

// The fleet by way of Redis: the registry of this region, and those of others that it reads. With
// none it is a fleet of one, which keeps its revocations all the same.
class RegionalFleet final : public Fleet {
 public:
  struct Options {
    std::optional<RedisAddress> registry;  // nullopt: this node is alone
    std::vector<RedisAddress> others;
    // What was saved last, as `save` got it; nullopt: nothing. May be empty.
    std::function<std::optional<std::string>()> read_saved;
    // Keeps it over a restart. Called rarely, and may take as long as a disk does.
    std::function<base::Result<void>(const std::string&)> save;
    // What users and tenants have on this node; and what they have on others, nullptr when that is
    // not known any more. Not called when alone; may be empty.
    std::function<std::vector<turn::QuotaCount>()> read_counts;
    std::function<void(std::shared_ptr<const turn::QuotaCounts>)> on_counts;
  };

  // `loop` must outlive the fleet.
  RegionalFleet(EventLoop& loop, Options options);
  RegionalFleet(const RegionalFleet&) = delete;
  RegionalFleet& operator=(const RegionalFleet&) = delete;
  ~RegionalFleet() override;

  void Announce(const FleetNode& self) override;
  void Withdraw() override;
  std::vector<FleetNode> nodes() const override;
  void Revoke(const auth::Revocation& revocation,
              std::function<void(base::Result<void>)> done) override;
  void OnRevocations(std::function<void(const std::vector<auth::Revocation>&)> callback) override;
  void ReadSaved() override;
  void LeaveToSuccessor() override;
  void RecordUsage(const std::vector<UsageRecord>& records) override;
  std::vector<std::string> troubles() const override;
  std::vector<std::string> unready_reasons() const override;
  FleetStatus status() const override;
  bool is_idle() const override;

 private:
  void Beat();
  void ForgetOldCounts();
  void OnRead(const std::vector<auth::Revocation>& revocations);
  void AddHere(const auth::Revocation& revocation);
  // Once what has come together is over: tells the callee, saves, and answers who waits for that.
  void SettleSoon();
  void Settle();

  EventLoop& loop_;
  Options options_;
  auth::RevocationBook book_;
  std::vector<std::unique_ptr<FleetLink>> links_;  // one's own first, if there is one
  std::optional<FleetNode> self_;                  // nullopt: there is nobody to announce
  std::string name_;                               // of this node, also when it has been withdrawn
  std::function<void(const std::vector<auth::Revocation>&)> on_revocations_;
  std::vector<std::function<void(base::Result<void>)>> waiting_;  // for what is to be saved
  bool is_settling_ = false;
  bool is_unsaved_ = false;
  bool has_successor_ = false;
  std::optional<std::string> last_read_;  // what has been read last of what was saved
  std::string save_trouble_;
  std::uint64_t ignored_ = 0;
  std::optional<base::MonotonicTime> counted_at_;  // what others have; nullopt: not in use
  Timer beat_;
  Timer settle_;
};

}  // namespace relay
