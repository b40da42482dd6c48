#include "server/control/mint_request.h"

#include <gtest/gtest.h>

namespace relay::mint_request_test {

using std::chrono::seconds;

MintRequest Good(std::string_view body) { return std::get<MintRequest>(ParseMintRequest(body)); }
bool IsBad(std::string_view body) {
  return std::holds_alternative<BadBody>(ParseMintRequest(body));
}

TEST(MintRequest, OfBrokenBodiesIsAnError) {
  for (const char* body :
       {"{", "[]", "1", "null", "\"a\"", "{} {}", "{\"ttl\": \"3600\"}", "{\"ttl\": 0}",
        "{\"ttl\": -1}", "{\"ttl\": 1.5}", "{\"ttl\": 99999999999}", "{\"ttl\": null}",
        "{\"region\": 1}", "{\"region\": \"\"}", "{\"preferred_region\": {}}",
        "{\"custom_identifier\": 7}", "{\"ice_transport_policy\": \"none\"}",
        "{\"ice_transport_policy\": true}"}) {
    EXPECT_TRUE(IsBad(body)) << body;
  }
  EXPECT_TRUE(IsBad("{\"custom_identifier\": \"" + std::string(65, 'x') + "\"}"));
  EXPECT_TRUE(IsBad(std::string(10000, '[')));
}

TEST(MintRequest, OfAnEmptyBodyIsAllDefaults) {
  for (const char* body : {"", "{}"}) {
    const MintRequest request = Good(body);
    EXPECT_EQ(request.ttl, std::nullopt);
    EXPECT_EQ(request.region.region, "");
    EXPECT_FALSE(request.region.is_required);
    EXPECT_EQ(request.ice_transport_policy, "all");
  }
}

TEST(MintRequest, HasEveryMember) {
  const MintRequest request = Good(
      "{\"ttl\": 600, \"region\": \"eu\", \"custom_identifier\": \"room-7\", "
      "\"ice_transport_policy\": \"relay\"}");
  EXPECT_EQ(request.ttl, seconds(600));
  EXPECT_EQ(request.region.region, "eu");
  EXPECT_TRUE(request.region.is_required);
  EXPECT_EQ(request.custom_identifier, "room-7");
  EXPECT_EQ(request.ice_transport_policy, "relay");
}

TEST(MintRequest, RequiresNothingOfAPreferredRegion) {
  const MintRequest request = Good("{\"preferred_region\": \"na\"}");
  EXPECT_EQ(request.region.region, "na");
  EXPECT_FALSE(request.region.is_required);
}

TEST(MintRequest, LetsARequiredRegionWin) {
  EXPECT_EQ(Good("{\"region\": \"eu\", \"preferred_region\": \"na\"}").region.region, "eu");
}

TEST(MintRequest, IgnoresWhatItDoesNotKnow) {
  EXPECT_EQ(Good("{\"ttl\": 60, \"of_a_later_version\": [1]}").ttl, seconds(60));
}

}  // namespace relay::mint_request_test
