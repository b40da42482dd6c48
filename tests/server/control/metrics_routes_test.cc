#include "server/control/metrics_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/control/fake_relay.h"

namespace relay::metrics_routes_test {

using testing::HasSubstr;
using testing::Not;

class MetricsRoutes : public testing::Test {
 protected:
  FakeRelay relay_;
};

TEST_F(MetricsRoutes, AnswersWithTheStateOfTheRelay) {
  relay_.AddAllocations(3);
  const ProcessCounters process;
  const HttpResponse response =
      AnswerMetrics(relay_, process, {.version = "1.2.3", .is_draining = true});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.front().second, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(response.body,
              HasSubstr("\nsenso_turn_allocations{transport=\"udp\",family=\"ipv4\"} 3\n"));
  EXPECT_THAT(response.body, HasSubstr("\nsenso_turn_relay_ports_limit 16382\n"));
  EXPECT_THAT(response.body, HasSubstr("\nsenso_turn_draining 1\n"));
  EXPECT_THAT(response.body, HasSubstr("\nsenso_turn_build_info{version=\"1.2.3\"} 1\n"));
}

TEST_F(MetricsRoutes, ShowWhenCertificatesExpire) {
  const ProcessCounters process;
  EXPECT_THAT(AnswerMetrics(relay_, process, {.version = "1.2.3"}).body,
              HasSubstr("\nsenso_turn_certificate_not_after_timestamp_seconds{certificate=\"/etc/"
                        "senso-turn/tls.crt\"} 1795197600\n"));
}

TEST_F(MetricsRoutes, ShowWhetherTheNodeIsReadyAndItsKeysAreFresh) {
  ProcessCounters process;
  const std::string without = AnswerMetrics(relay_, process, {.version = "1.2.3"}).body;
  EXPECT_THAT(without, HasSubstr("\nsenso_turn_ready 1\n"));
  EXPECT_THAT(without, HasSubstr("\nsenso_turn_config_last_reload_successful 1\n"));
  EXPECT_THAT(without, Not(HasSubstr("\nsenso_turn_token_keys_fetched_timestamp_seconds ")));

  process.last_reload_failed.Set(1);
  const NodeState node{.version = "1.2.3",
                       .is_ready = false,
                       .stale_issuers = 2,
                       .token_keys_fetched = base::WallTime(std::chrono::seconds(1'795'197'600))};
  const std::string body = AnswerMetrics(relay_, process, node).body;
  EXPECT_THAT(body, HasSubstr("\nsenso_turn_ready 0\n"));
  EXPECT_THAT(body, HasSubstr("\nsenso_turn_config_last_reload_successful 0\n"));
  EXPECT_THAT(body, HasSubstr("\nsenso_turn_token_issuers_stale 2\n"));
  EXPECT_THAT(body, HasSubstr("\nsenso_turn_token_keys_fetched_timestamp_seconds 1795197600\n"));
}

TEST_F(MetricsRoutes, TheSizeOfAScrapeDoesNotDependOnTheLoad) {
  const ProcessCounters process;
  const auto lines = [&] {
    const std::string body = AnswerMetrics(relay_, process, {.version = "1.2.3"}).body;
    return std::count(body.begin(), body.end(), '\n');
  };
  const auto before = lines();
  relay_.AddAllocations(1'000'000);
  EXPECT_EQ(lines(), before);
}

}  // namespace relay::metrics_routes_test
