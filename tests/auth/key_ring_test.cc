#include "auth/key_ring.h"

#include <gtest/gtest.h>

namespace auth::key_ring_test {

TEST(KeyRing, WithoutSecretsSignsNothing) {
  EXPECT_EQ(KeyRing().SigningFor(""), nullptr);
  EXPECT_EQ(KeyRing().Find(""), nullptr);
}

TEST(KeyRing, SignsWithTheFirstSecret) {
  const KeyRing ring({{"new", "a"}, {"old", "b"}});
  ASSERT_NE(ring.SigningFor("eu"), nullptr);
  EXPECT_EQ(ring.SigningFor("eu")->id, "new");
}

TEST(KeyRing, FindsASecretByItsWholeName) {
  const KeyRing ring({{"new", "a"}, {"old", "b"}});
  ASSERT_NE(ring.Find("old"), nullptr);
  EXPECT_EQ(ring.Find("old")->secret, "b");
  EXPECT_EQ(ring.Find("ol"), nullptr);
  EXPECT_EQ(ring.Find("older"), nullptr);
}

TEST(KeyRing, KeepsTheSecretsOfRegionsApart) {
  const KeyRing ring({{"na", "a", "na"}, {"eu", "b", "eu"}, {"all", "c"}});
  EXPECT_EQ(ring.SigningFor("eu")->id, "eu");
  EXPECT_EQ(ring.SigningFor("ap")->id, "all");
  const KeyRing of_eu = ring.ForRegion("eu");
  EXPECT_EQ(of_eu.secrets().size(), 2U);
  EXPECT_EQ(of_eu.Find("na"), nullptr);
  EXPECT_NE(of_eu.Find("all"), nullptr);
}

}  // namespace auth::key_ring_test
