#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/fleet/fleet.h"

namespace relay {

// A fleet of one node, which remembers what it was told.
class MemoryFleet final : public Fleet {
 public:
  void Announce(const FleetNode& self) override { self_ = self; }
  void Withdraw() override { self_.reset(); }
  std::vector<FleetNode> nodes() const override {
    return self_ ? std::vector<FleetNode>{*self_} : std::vector<FleetNode>();
  }
  void Revoke(const auth::Revocation& revocation,
              std::function<void(base::Result<void>)> done) override {
    revocations_.push_back(revocation);
    if (on_revocations_) on_revocations_(revocations_);
    done({});
  }
  void OnRevocations(std::function<void(const std::vector<auth::Revocation>&)> callback) override {
    on_revocations_ = std::move(callback);
    on_revocations_(revocations_);
  }
  std::vector<std::string> troubles() const override { return {}; }
  std::vector<std::string> unready_reasons() const override { return {}; }

 private:
  std::optional<FleetNode> self_;
  std::vector<auth::Revocation> revocations_;
  std::function<void(const std::vector<auth::Revocation>&)> on_revocations_;
};

}  // namespace relay
