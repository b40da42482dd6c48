#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/revocation_book.h"
#include "protocol/base/random.h"
#include "protocol/turn/quota_counts.h"
#include "server/fleet/fleet.h"
#include "server/fleet/node_table.h"
#include "server/fleet/redis_connection.h"
#include "server/fleet/revocation_feed.h"
#include "server/fleet/usage_queue.h"

namespace relay {

// What a process has to do with one registry: its own region's, where it announces itself, or that
// of another region, which it reads and tells of revocations. The loop's thread only.
class FleetLink {
 public:
  struct Hooks {
    RevocationFeed::OnRead on_revocations;
    // What other nodes of the registry have, by user and tenant; only of one's own region.
    std::function<void(turn::QuotaCounts)> on_counts;
  };
  // `loop` and `book` must outlive the link.
  FleetLink(EventLoop& loop, const RedisAddress& address, bool is_own,
            const auth::RevocationBook& book, Hooks hooks);
  FleetLink(const FleetLink&) = delete;
  FleetLink& operator=(const FleetLink&) = delete;

  void Start();
  // Every two seconds: says and asks everything. `self` is nullptr where there is nobody to
  // announce; `counts` is what this node has.
  void Beat(const FleetNode* self, const std::vector<turn::QuotaCount>& counts);
  // Says nothing but that.
  void Announce(const FleetNode& self);
  void Withdraw(const std::string& name);

  std::vector<FleetNode> nodes() const { return nodes_.List(); }
  bool is_up() const { return commands_.is_up() && feed_.connection().is_up(); }
  bool is_idle() const { return commands_.is_idle() && usage_.is_empty(); }
  // One phrase; empty: nothing.
  std::string trouble() const;
  RevocationFeed& feed() { return feed_; }
  const RevocationFeed& feed() const { return feed_; }
  UsageQueue& usage() { return usage_; }
  const UsageQueue& usage() const { return usage_; }

 private:
  void NoteRefusal(const RedisReply& reply);
  void AskEpoch();
  void AskNodes(const std::string& self);
  void OnNames(const RedisReply& reply, const std::string& self);
  void OnNodes(const RedisReply& reply, const std::vector<std::string>& names);
  void AskCounts(const std::vector<std::string>& others);

  const std::string description_;
  const bool is_own_;
  std::function<void(turn::QuotaCounts)> on_counts_;
  NodeTable nodes_;
  std::uint64_t beat_;
  std::string epoch_;  // of the registry's data; empty: not known yet
  // Of a command that was refused: between the last two beats, and since the last.
  std::string refusal_;
  std::string next_refusal_;
  RedisConnection commands_;
  RevocationFeed feed_;
  UsageQueue usage_;
};

// The counts of one node as they stand in the registry, and back; nullopt: they are damaged, or
// more than a node can have.
std::string WriteCounts(const std::vector<turn::QuotaCount>& counts);
std::optional<std::vector<turn::QuotaCount>> ReadCounts(std::string_view text);

}  // namespace relay
