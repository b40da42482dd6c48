#include "server/control/health_routes.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace relay::health_routes_test {

TEST(HealthRoutes, IsAliveWhenItCanAnswer) {
  EXPECT_EQ(AnswerLivez().status, 200);
  EXPECT_EQ(AnswerLivez().body, "ok\n");
}

TEST(HealthRoutes, IsReadyWithoutReasonsAgainstIt) {
  const HttpResponse response = AnswerReadyz({});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(
      boost::json::parse(response.body),
      (boost::json::value{
          {"ready", true}, {"reasons", boost::json::array()}, {"troubles", boost::json::array()}}));
}

TEST(HealthRoutes, TroublesKeepNobodyAway) {
  const HttpResponse response = AnswerReadyz({}, {"the registry is gone"});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(boost::json::parse(response.body).at("troubles"),
            (boost::json::array{"the registry is gone"}));
}

TEST(HealthRoutes, NamesTheReasonsAgainstIt) {
  const HttpResponse response = AnswerReadyz({"draining", "said \"no\""});
  EXPECT_EQ(response.status, 503);
  const boost::json::value body = boost::json::parse(response.body);
  EXPECT_EQ(body.at("ready"), false);
  EXPECT_EQ(body.at("reasons"), (boost::json::array{"draining", "said \"no\""}));
}

}  // namespace relay::health_routes_test
