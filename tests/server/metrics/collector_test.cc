#include "server/metrics/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <vector>

namespace relay::collector_test {

// A scrape read back: series by their text, "name{label="value"}".
struct Scrape {
  std::map<std::string, double> series;
  std::map<std::string, std::string> types;
  std::map<std::string, std::string> helps;
};

// Holds every line to the grammar of the text format.
Scrape Parse(const std::string& text) {
  static const std::regex kSample(
      R"re(([a-z_]+)(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? (\S+))re");
  static const std::regex kComment(R"re(# (HELP|TYPE) ([a-z_]+) (.+))re");
  Scrape scrape;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kComment)) {
      (match[1] == "TYPE" ? scrape.types : scrape.helps)[match[2]] = match[3];
    } else if (std::regex_match(line, match, kSample)) {
      const bool is_new =
          scrape.series.emplace(match[1].str() + match[2].str(), std::stod(match[4])).second;
      EXPECT_TRUE(is_new) << "twice: " << line;
    } else {
      ADD_FAILURE() << "not the text format: " << line;
    }
  }
  return scrape;
}

class CollectorTest : public testing::Test {
 protected:
  Scrape Render() const {
    std::vector<const ShardCounters*> pointers;
    for (const auto& shard : shards_) pointers.push_back(shard.get());
    return Parse(RenderMetrics({pointers, process_, snapshot_}));
  }
  ShardCounters& AddShard() { return *shards_.emplace_back(std::make_unique<ShardCounters>()); }

  std::vector<std::unique_ptr<ShardCounters>> shards_;
  ProcessCounters process_;
  MetricsSnapshot snapshot_{.version = "1.2.3"};
};

TEST_F(CollectorTest, ShowsEveryFamilyOfTheCatalogWithItsTypeAndHelp) {
  AddShard();
  snapshot_.kernel_datapath_mode = "tc";
  snapshot_.certificates.push_back(
      {"turn.example", base::WallTime(std::chrono::seconds(2'000'000'000))});
  const Scrape scrape = Render();
  for (const MetricRow& row : MetricCatalog()) {
    EXPECT_EQ(scrape.types.at(FullName(row)), ToString(row.type));
    EXPECT_EQ(scrape.helps.at(FullName(row)), row.help);
  }
  EXPECT_EQ(scrape.series.at(R"(senso_turn_kernel_datapath_info{mode="tc"})"), 1);
  EXPECT_EQ(
      scrape.series.at(
          R"(senso_turn_certificate_not_after_timestamp_seconds{certificate="turn.example"})"),
      2e9);
}

TEST_F(CollectorTest, ShowsEverySeriesOfACounterAtZeroFromTheStart) {
  AddShard();
  const Scrape scrape = Render();
  for (const MetricRow& row : MetricCatalog()) {
    if (std::holds_alternative<SnapshotReader>(row.source)) continue;
    std::vector<std::string> expected = {""};
    for (const MetricLabel& label : row.labels) {
      std::vector<std::string> longer;
      for (const std::string& prefix : expected) {
        for (const std::string_view value : label.values) {
          longer.push_back(prefix + (prefix.empty() ? "" : ",") + std::string(label.name) + "=\"" +
                           std::string(value) + "\"");
        }
      }
      expected = longer;
    }
    const std::string suffix = row.type == MetricType::kHistogram ? "_count" : "";
    for (const std::string& labels : expected) {
      const std::string name = FullName(row) + suffix + (labels.empty() ? "" : "{" + labels + "}");
      ASSERT_TRUE(scrape.series.contains(name)) << name;
      const bool is_success = row.name == "config_last_reload_successful";  // so far
      EXPECT_EQ(scrape.series.at(name), is_success ? 1 : 0) << name;
    }
  }
}

TEST_F(CollectorTest, HasTheSameSeriesBeforeAnyShardExists) {
  const std::size_t before = Render().series.size();
  AddShard();
  EXPECT_EQ(Render().series.size(), before);
}

TEST_F(CollectorTest, AddsUpTheShards) {
  const std::size_t udp = LabelIndex(base::Transport::kUdp);
  const std::size_t ipv6 = LabelIndex(base::AddressFamily::kIpv6);
  AddShard().allocations[udp][ipv6].Add(2);
  AddShard().allocations[udp][ipv6].Add(5);
  shards_[0]->requests[MethodIndex(0x003)][OutcomeIndex(486)].Add(7);
  shards_[1]
      ->relayed_bytes[LabelIndex(Direction::kPeerToClient)][LabelIndex(RelayPath::kStream)]
      .Add(1'000'000'007);
  const Scrape scrape = Render();
  EXPECT_EQ(scrape.series.at(R"(senso_turn_allocations{transport="udp",family="ipv6"})"), 7);
  EXPECT_EQ(scrape.series.at(R"(senso_turn_requests_total{method="allocate",outcome="486"})"), 7);
  EXPECT_EQ(scrape.series.at(
                R"(senso_turn_relayed_bytes_total{direction="peer_to_client",path="stream"})"),
            1'000'000'007);
}

TEST_F(CollectorTest, KeepsEachTransportsConnectionsUnderItsName) {
  ShardCounters& shard = AddShard();
  shard.connections[LabelIndex(base::Transport::kTcp)].Add(3);
  shard.connections[LabelIndex(base::Transport::kWss)].Add(4);
  const Scrape scrape = Render();
  EXPECT_EQ(scrape.series.at(R"(senso_turn_connections{transport="tcp"})"), 3);
  EXPECT_EQ(scrape.series.at(R"(senso_turn_connections{transport="wss"})"), 4);
  EXPECT_FALSE(scrape.series.contains(R"(senso_turn_connections{transport="udp"})"));
}

TEST_F(CollectorTest, MakesHistogramBucketsCumulative) {
  AddShard().ObserveAllocationDuration(std::chrono::milliseconds(500));
  AddShard().ObserveAllocationDuration(std::chrono::seconds(10));
  shards_[0]->ObserveAllocationDuration(std::chrono::hours(100));
  const Scrape scrape = Render();
  const auto bucket = [&](const std::string& bound) {
    return scrape.series.at("senso_turn_allocation_duration_seconds_bucket{le=\"" + bound + "\"}");
  };
  EXPECT_EQ(bucket("1"), 1);
  EXPECT_EQ(bucket("5"), 1);
  EXPECT_EQ(bucket("15"), 2);
  EXPECT_EQ(bucket("43200"), 2);
  EXPECT_EQ(bucket("+Inf"), 3);
  EXPECT_EQ(scrape.series.at("senso_turn_allocation_duration_seconds_count"), 3);
  EXPECT_DOUBLE_EQ(scrape.series.at("senso_turn_allocation_duration_seconds_sum"), 360'010.5);
}

TEST_F(CollectorTest, ShowsTheStateOfTheNode) {
  snapshot_.is_draining = true;
  snapshot_.relay_ports_in_use = 12;
  snapshot_.relay_ports_limit = 16'382;
  snapshot_.fleet.usage_records_dropped = 7;
  snapshot_.process = {.cpu_seconds = 1.5, .resident_bytes = 4096, .open_fds = 9, .max_fds = 1024};
  const Scrape scrape = Render();
  EXPECT_EQ(scrape.series.at("senso_turn_draining"), 1);
  EXPECT_EQ(scrape.series.at("senso_turn_relay_ports_in_use"), 12);
  EXPECT_EQ(scrape.series.at("senso_turn_relay_ports_limit"), 16'382);
  EXPECT_EQ(scrape.series.at(R"(senso_turn_build_info{version="1.2.3"})"), 1);
  EXPECT_EQ(scrape.series.at("senso_turn_fleet_usage_records_dropped_total"), 7);
  EXPECT_EQ(scrape.series.at("process_cpu_seconds_total"), 1.5);
  EXPECT_EQ(scrape.series.at("process_max_fds"), 1024);
}

TEST_F(CollectorTest, HasNoSeriesOfFeaturesThatDoNotExist) {
  for (const auto& [series, value] : Render().series) {
    EXPECT_FALSE(series.starts_with("senso_turn_kernel_datapath_info")) << series;
    EXPECT_FALSE(series.starts_with("senso_turn_certificate_not_after")) << series;
  }
}

}  // namespace relay::collector_test
