#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/load.h"

namespace relay::unavailable_test {

using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;

struct Unavailable {
  const char* name;
  const char* yaml;
  int line;
  const char* key;
};

class UnavailableFeature : public testing::TestWithParam<Unavailable> {};

TEST_P(UnavailableFeature, IsAnErrorThatSaysSo) {
  const LoadedConfig loaded = LoadConfigText(GetParam().yaml, "turn.yaml", {});
  ASSERT_THAT(loaded.errors, SizeIs(1)) << loaded.errors.back().ToString();
  EXPECT_EQ(loaded.errors[0].line, GetParam().line);
  EXPECT_EQ(loaded.errors[0].key, GetParam().key);
  EXPECT_THAT(loaded.errors[0].message, EndsWith("is not available in this version"));
}

INSTANTIATE_TEST_SUITE_P(
    All, UnavailableFeature,
    testing::Values(
        Unavailable{"ExternalAddressByStun",
                    "relay: {external_addresses: {auto: \"stun:stun.example.org:3478\"}}\n", 1,
                    "relay.external_addresses"},
        Unavailable{"BandwidthPerUser", "limits: {bandwidth_per_user: 1Mbit}\n", 1,
                    "limits.bandwidth_per_user"},
        Unavailable{"BandwidthTotal", "limits: {bandwidth_total: 1Gbit}\n", 1,
                    "limits.bandwidth_total"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(UnavailableFeatures, AreStillCheckedForMistakes) {
  const LoadedConfig loaded = LoadConfigText(
      "credentials:\n  issuers:\n  - {issuer: \"http://id.example\", audience: turn, algorithms: "
      "[none]}\n"
      "fleet: {registry: postgres}\n",
      "turn.yaml", {});
  ASSERT_THAT(loaded.errors, SizeIs(3));
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("begins with https://"));
  EXPECT_THAT(loaded.errors[1].message, HasSubstr("'none' is not one of"));
  EXPECT_THAT(loaded.errors[2].message, HasSubstr("is not a registry"));
}

TEST(UnavailableFeatures, OfTheDefaultListenersAreNoError) {
  EXPECT_TRUE(LoadConfigText("realm: a\n", "turn.yaml", {}).ok());
}

}  // namespace relay::unavailable_test
