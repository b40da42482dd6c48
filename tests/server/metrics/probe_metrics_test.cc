#include "server/metrics/probe_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay::probe_metrics_test {

using testing::HasSubstr;

TEST(ProbeMetrics, EverySeriesIsThereBeforeTheFirstProbe) {
  ProbeSeries way;
  way.node = "a.example.org";
  way.transport = "udp";
  const std::string text = RenderProbeMetrics({way});
  const std::string labels = R"({node="a.example.org",transport="udp")";
  EXPECT_THAT(text, HasSubstr("\nsenso_turn_probe_up" + labels + "} 0\n"));
  EXPECT_THAT(text, HasSubstr("\nsenso_turn_probe_loss_ratio" + labels + "} 0\n"));
  EXPECT_THAT(text, HasSubstr("\nsenso_turn_probe_round_trip_seconds" + labels + "} Nan\n"));
  EXPECT_THAT(text, HasSubstr("\nsenso_turn_probe_jitter_seconds" + labels + "} Nan\n"));
  for (const std::string_view outcome : kProbeOutcomeLabels) {
    EXPECT_THAT(text, HasSubstr("\nsenso_turn_probe_runs_total" + labels + ",outcome=\"" +
                                std::string(outcome) + "\"} 0\n"));
  }
}

TEST(ProbeMetrics, SayWhatTheLastProbeFound) {
  ProbeSeries way;
  way.node = "a\"b\n";
  way.transport = "tls";
  way.is_up = true;
  way.loss_ratio = 0.25;
  way.round_trip_seconds = 0.5;
  way.jitter_seconds = 0.125;
  way.runs = {7, 1, 0};
  const std::string text = RenderProbeMetrics({way});
  const std::string labels = R"({node="a\"b\n",transport="tls")";
  EXPECT_THAT(text, HasSubstr("senso_turn_probe_up" + labels + "} 1\n"));
  EXPECT_THAT(text, HasSubstr("senso_turn_probe_loss_ratio" + labels + "} 0.25\n"));
  EXPECT_THAT(text, HasSubstr("senso_turn_probe_round_trip_seconds" + labels + "} 0.5\n"));
  EXPECT_THAT(text, HasSubstr("senso_turn_probe_jitter_seconds" + labels + "} 0.125\n"));
  EXPECT_THAT(text, HasSubstr(labels + ",outcome=\"success\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE senso_turn_probe_runs_total counter\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE senso_turn_probe_up gauge\n"));
}

}  // namespace relay::probe_metrics_test
