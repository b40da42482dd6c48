#pragma once

#include <optional>

#include "server/fleet/fleet.h"

namespace relay {

// The fleet of a node that is alone: itself, and the revocations of its own lifetime.
class MemoryFleet final : public Fleet {
 public:
  void Announce(const FleetNode& self) override { self_ = self; }
  void Withdraw() override { self_.reset(); }
  std::vector<FleetNode> nodes() const override;
  void Revoke(const auth::Revocation& revocation,
              std::function<void(base::Result<void>)> done) override;
  void OnRevocations(std::function<void(const std::vector<auth::Revocation>&)> callback) override;
  std::vector<std::string> troubles() const override { return {}; }
  std::vector<std::string> unready_reasons() const override { return {}; }

 private:
  std::optional<FleetNode> self_;
  std::vector<auth::Revocation> revocations_;
  std::function<void(const std::vector<auth::Revocation>&)> on_revocations_;
};

}  // namespace relay
