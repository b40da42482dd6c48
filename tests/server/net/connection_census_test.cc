#include "server/net/connection_census.h"

#include <gtest/gtest.h>

namespace relay::connection_census_test {

const base::IpAddress kSource = *base::IpAddress::Parse("192.0.2.1");

TEST(ConnectionCensus, RefusesASourceThatHasAsManyAsItMay) {
  ConnectionCensus census(2);
  EXPECT_TRUE(census.Enter(kSource));
  EXPECT_TRUE(census.Enter(kSource));
  EXPECT_FALSE(census.Enter(kSource));
}

TEST(ConnectionCensus, SourcesDoNotShare) {
  ConnectionCensus census(1);
  EXPECT_TRUE(census.Enter(kSource));
  EXPECT_TRUE(census.Enter(*base::IpAddress::Parse("192.0.2.2")));
}

TEST(ConnectionCensus, AConnectionThatEndedMakesRoom) {
  ConnectionCensus census(1);
  EXPECT_TRUE(census.Enter(kSource));
  census.Leave(kSource);
  EXPECT_TRUE(census.Enter(kSource));
}

TEST(ConnectionCensus, ARefusedConnectionIsNotCounted) {
  ConnectionCensus census(1);
  EXPECT_TRUE(census.Enter(kSource));
  EXPECT_FALSE(census.Enter(kSource));
  census.Leave(kSource);
  EXPECT_TRUE(census.Enter(kSource));
}

TEST(ConnectionCensus, ZeroMeansUnlimited) {
  ConnectionCensus census(0);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(census.Enter(kSource));
}

TEST(ConnectionCensus, ALowerLimitEndsNothingAndAdmitsNobody) {
  ConnectionCensus census(0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(census.Enter(kSource));
  census.SetLimit(2);
  EXPECT_FALSE(census.Enter(kSource));
  census.Leave(kSource);
  EXPECT_FALSE(census.Enter(kSource));
  census.Leave(kSource);
  EXPECT_TRUE(census.Enter(kSource));
  census.SetLimit(3);
  EXPECT_TRUE(census.Enter(kSource));
}

}  // namespace relay::connection_census_test
