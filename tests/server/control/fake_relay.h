#pragma once

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "server/control/relay_control.h"

namespace relay {

// A relay of two shards whose counters the test sets.
class FakeRelay final : public RelayControl {
 public:
  FakeRelay() {
    snapshot.shards = 2;
    snapshot.listeners = {{"udp 0.0.0.0:3478", "open"},
                          {"tcp 0.0.0.0:3478", "Address already in use"}};
    snapshot.certificates = {{"/etc/senso-turn/tls.crt",
                              {"turn.example.org", "203.0.113.7"},
                              base::WallTime(std::chrono::seconds(1795197600))}};
    snapshot.relay_addresses = {"10.0.0.5 (known as 203.0.113.7)"};
    snapshot.min_relay_port = 49152;
    snapshot.max_relay_port = 65535;
    snapshot.ports_in_use = 3;
    snapshot.ports_limit = 16382;
    snapshot.reservations = 1;
    snapshot.allocations_charged = 4;
    snapshot.subjects = 2;
    snapshot.started = base::MonotonicTime(std::chrono::seconds(1000));
  }

  std::vector<const ShardCounters*> counters() const override { return {&shards[0], &shards[1]}; }
  RelaySnapshot ReadSnapshot() const override { return snapshot; }
  std::vector<std::string> unready_reasons() const override {
    return is_full ? std::vector<std::string>{"no relay port is free"} : std::vector<std::string>{};
  }
  void RefreshCertificates() override { ++refreshes; }
  base::Result<void> Reconfigure(const Config& config) override {
    configs.push_back(config);
    return {};
  }
  void SetRevocations(const std::shared_ptr<const turn::Revocations>& value) override {
    revocations = value;
  }
  void SetDraining(bool value) override { is_draining = value; }
  void CollectUsage(const std::function<void(std::vector<UsageRecord>)>& sink) override {
    sink(std::exchange(usage, {}));
  }
  std::size_t CollectSessions(
      const SessionFilter& filter,
      const std::function<void(std::vector<SessionRecord>)>& sink) override {
    filters.push_back(filter);
    for (const auto& shard : sessions) {
      std::vector<SessionRecord> wanted;
      for (const SessionRecord& each : shard) {
        if (each.id > filter.after && wanted.size() < filter.limit) wanted.push_back(each);
      }
      sink(wanted);
    }
    return sessions.size();
  }
  std::size_t Disconnect(std::uint64_t id, const std::function<void(bool)>& sink) override {
    for (auto& shard : sessions) {
      sink(std::erase_if(shard, [id](const SessionRecord& each) { return each.id == id; }) > 0);
    }
    return sessions.size();
  }
  void Stop() override { ++stops; }

  void AddAllocations(std::int64_t count) {
    shards[1]
        .allocations[LabelIndex(base::Transport::kUdp)][LabelIndex(base::AddressFamily::kIpv4)]
        .Add(count);
  }

  ShardCounters shards[2];
  RelaySnapshot snapshot;
  std::atomic<bool> is_full{false};
  std::atomic<bool> is_draining{false};
  std::vector<Config> configs;                           // control thread
  std::shared_ptr<const turn::Revocations> revocations;  // likewise
  std::vector<UsageRecord> usage;                        // likewise
  std::vector<std::vector<SessionRecord>> sessions;      // by shard, each by id; likewise
  std::vector<SessionFilter> filters;                    // that were asked with; likewise
  std::atomic<int> refreshes{0};
  std::atomic<int> stops{0};
};

}  // namespace relay
