#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "auth/revocation.h"
#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "server/datapath/usage_record.h"

namespace relay {

// A relay as the others know it.
struct FleetNode {
  std::string name;    // the name that clients are given
  std::string region;  // empty: none
  std::vector<std::string> stun_urls;
  std::vector<std::string> turn_urls;  // the best first
  std::vector<std::string> addresses;  // its relay addresses as the world knows them
  std::uint32_t allocations = 0;
  std::uint32_t allocations_limit = 0;  // 0: unlimited
  std::uint32_t free_ports = 0;
  bool is_draining = false;
  bool is_ready = true;  // other reasons to send it nobody
  base::WallTime announced_at;

  friend bool operator==(const FleetNode&, const FleetNode&) = default;
};

// For metrics.
struct FleetStatus {
  std::vector<bool> registries_up;        // one's own first; none when alone
  std::size_t nodes = 0;                  // heard of lately
  std::size_t revocations = 0;            // in force
  std::size_t revocations_pending = 0;    // that some registry has not got yet
  std::uint64_t revocations_ignored = 0;  // for which there is no room, or that are none
  std::uint64_t usage_records_dropped = 0;
};

// The relays of the fleet and what they tell each other. Control thread only; nothing waits.
class Fleet {
 public:
  virtual ~Fleet() = default;

  // From now on this node is announced with these values, at once and every two seconds.
  virtual void Announce(const FleetNode& self) = 0;
  // No longer (the process stops).
  virtual void Withdraw() = 0;

  // Nodes that have been heard of lately, draining and unready ones too; while the registry cannot
  // be reached, those that were there last. In the order of their names.
  virtual std::vector<FleetNode> nodes() const = 0;

  // Takes rights away on every node of every region that this process can reach. `done` is called
  // when the revocation is safe: applied here, and stored or kept to be stored when the registry
  // returns.
  virtual void Revoke(const auth::Revocation& revocation,
                      std::function<void(base::Result<void>)> done) = 0;
  // What another process has saved since the start is in force here, too: that of which this one
  // has taken over.
  virtual void ReadSaved() {}
  // Another process has taken over and saves from now on. What it saves is in force here, too; what
  // somebody revokes here is not safe any more, and refused.
  virtual void LeaveToSuccessor() {}
  // Calls back with every revocation in force, at once and again when that has changed: the callee
  // replaces what it knew.
  virtual void OnRevocations(
      std::function<void(const std::vector<auth::Revocation>&)> callback) = 0;

  // For billing. Stored, or logged where there is no registry to store it.
  virtual void RecordUsage(const std::vector<UsageRecord>& /*records*/) {}

  // What is wrong with the registry, one phrase each; empty: nothing.
  virtual std::vector<std::string> troubles() const = 0;
  // Why this node should get no new clients though it serves (it started without the registry).
  virtual std::vector<std::string> unready_reasons() const = 0;
  virtual FleetStatus status() const { return {}; }
  // Whether everything has been said: what is not is lost when the process ends now.
  virtual bool is_idle() const { return true; }
};

}  // namespace relay
