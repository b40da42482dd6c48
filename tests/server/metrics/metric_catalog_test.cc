#include "server/metrics/metric_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace relay::metric_catalog_test {

TEST(MetricCatalog, HasEveryFamilyThatOthersRelyOn) {
  std::vector<std::string> names;
  for (const MetricRow& row : MetricCatalog()) names.push_back(FullName(row));
  for (const std::string_view name : {"allocations",
                                      "allocations_created_total",
                                      "allocations_closed_total",
                                      "allocation_duration_seconds",
                                      "requests_total",
                                      "auth_failures_total",
                                      "relayed_packets_total",
                                      "relayed_bytes_total",
                                      "dropped_packets_total",
                                      "relay_ports_in_use",
                                      "relay_ports_limit",
                                      "permissions",
                                      "channels",
                                      "quota_rejections_total",
                                      "tls_handshakes_total",
                                      "connections",
                                      "socket_receive_drops_total",
                                      "kernel_datapath_info",
                                      "kernel_pass_total",
                                      "draining",
                                      "certificate_not_after_timestamp_seconds",
                                      "config_reloads_total",
                                      "credentials_issued_total",
                                      "jwks_refreshes_total",
                                      "http_request_duration_seconds",
                                      "build_info"}) {
    EXPECT_THAT(names, testing::Contains("senso_turn_" + std::string(name)));
  }
  for (const std::string_view name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                                      "process_virtual_memory_bytes", "process_open_fds",
                                      "process_max_fds", "process_start_time_seconds"}) {
    EXPECT_THAT(names, testing::Contains(std::string(name)));
  }
}

TEST(MetricCatalog, NamesEachFamilyOnce) {
  std::set<std::string> names;
  for (const MetricRow& row : MetricCatalog())
    EXPECT_TRUE(names.insert(FullName(row)).second) << FullName(row);
}

TEST(MetricCatalog, OnlyCountersEndInTotal) {
  for (const MetricRow& row : MetricCatalog()) {
    EXPECT_EQ(row.name.ends_with("_total"), row.type == MetricType::kCounter) << row.name;
  }
}

TEST(MetricCatalog, NamesItsBaseUnit) {
  for (const MetricRow& row : MetricCatalog()) {
    if (row.unit.empty()) continue;
    std::string_view stem = row.name;
    if (stem.ends_with("_total")) stem.remove_suffix(6);
    EXPECT_TRUE(stem.ends_with("_" + std::string(row.unit))) << row.name;
  }
}

TEST(MetricCatalog, SaysOfEachFamilyWhatItIsAndWhatItTells) {
  for (const MetricRow& row : MetricCatalog()) {
    EXPECT_FALSE(row.help.empty() || row.help.ends_with('.')) << row.name;
    EXPECT_TRUE(row.hint.ends_with('.')) << row.name;
  }
}

TEST(MetricCatalog, HasNoLabelThatGrowsWithUsersOrPeers) {
  for (const MetricRow& row : MetricCatalog()) {
    EXPECT_LE(row.labels.size(), 2U) << row.name;
    for (const MetricLabel& label : row.labels) {
      EXPECT_THAT(label.name,
                  testing::AnyOf("transport", "family", "method", "outcome", "reason", "direction",
                                 "path", "scope", "version", "mode", "certificate", "registry"));
    }
  }
}

TEST(MetricCatalog, OnlyStateReadAtTheScrapeHasOpenLabelSets) {
  for (const MetricRow& row : MetricCatalog()) {
    if (std::holds_alternative<SnapshotReader>(row.source)) continue;
    for (const MetricLabel& label : row.labels) EXPECT_FALSE(label.values.empty()) << row.name;
  }
}

}  // namespace relay::metric_catalog_test
