#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fuzz/engine_model.h"

// What a reload brings to one shard, and what the model knows of it. Each bit decides one thing.
namespace fuzz {

class Revoked final : public turn::Revocations {
 public:
  explicit Revoked(std::set<std::string> names) : names_(std::move(names)) {}
  bool Covers(std::string_view username) const override {
    return names_.contains(std::string(username));
  }

 private:
  std::set<std::string> names_;
};

inline void ReloadPolicy(turn::TestServer& server, Rules& rules, std::uint8_t bits) {
  rules.denies_peer = (bits & 1) != 0;
  rules.denies_client = (bits & 2) != 0;
  rules.is_draining = (bits & 12) == 12;
  server.Reload([&](turn::Policy& policy) {
    turn::PeerPolicy::Rules peers = policy.peers.rules();
    peers.deny.clear();
    if (rules.denies_peer) peers.deny = {*base::IpPrefix::Parse("20.9.9.2/32")};
    policy.peers = turn::PeerPolicy(peers);
    policy.denied_clients.clear();
    if (rules.denies_client) policy.denied_clients = {*base::IpPrefix::Parse("20.1.1.7/32")};
    policy.draining = rules.is_draining;
    policy.mobility = (bits & 48) != 48;
  });
}

inline void ReloadUsers(turn::TestServer& server, Rules& rules, std::uint8_t bits) {
  std::vector<test_support::ListedUsers::User> users;
  rules.users.clear();
  for (const KnownUser& user : kKnownUsers) {
    // Two passwords for one name are two generations of it.
    if (user.name == "alice" && (user.password == "changed") != ((bits & 1) != 0)) continue;
    if (user.name == "bob" && (bits & 2) != 0) continue;
    rules.users.insert(std::string(user.name) + ":" + std::string(user.password));
    users.push_back(
        {std::string(user.name), std::string(user.password), std::string(user.subject)});
    users.back().relays_only = user.relays_only;
    if (user.relays_only)
      users.back().expires_at = turn::TestServer::WallStart() + std::chrono::hours(4);
  }
  server.SetUsers(std::move(users));
}

inline void ReloadRevocations(turn::TestServer& server, Rules& rules, std::uint8_t bits) {
  rules.revoked.clear();
  if ((bits & 3) == 3) rules.revoked.insert("alice");
  if ((bits & 4) != 0) rules.revoked.insert("bob");
  if ((bits & 8) != 0) rules.revoked.insert("alice-2");
  server.engine.SetRevocations(
      rules.revoked.empty() ? nullptr : std::make_shared<const Revoked>(rules.revoked), server.now);
}

}  // namespace fuzz
