#include "server/control/metrics_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/control/fake_relay.h"

namespace relay::metrics_routes_test {

using testing::HasSubstr;

class MetricsRoutes : public testing::Test {
 protected:
  FakeRelay relay_;
};

TEST_F(MetricsRoutes, AnswersWithTheStateOfTheRelay) {
  relay_.AddAllocations(3);
  const ProcessCounters process;
  const HttpResponse response = AnswerMetrics(relay_, process, "1.2.3", true, 0);
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
  EXPECT_THAT(AnswerMetrics(relay_, process, "1.2.3", false, 0).body,
              HasSubstr("\nsenso_turn_certificate_not_after_timestamp_seconds{certificate=\"/etc/"
                        "senso-turn/tls.crt\"} 1795197600\n"));
}

TEST_F(MetricsRoutes, TheSizeOfAScrapeDoesNotDependOnTheLoad) {
  const ProcessCounters process;
  const auto lines = [&] {
    const std::string body = AnswerMetrics(relay_, process, "1.2.3", false, 0).body;
    return std::count(body.begin(), body.end(), '\n');
  };
  const auto before = lines();
  relay_.AddAllocations(1'000'000);
  EXPECT_EQ(lines(), before);
}

}  // namespace relay::metrics_routes_test
