#include "auth/key_ring.h"

#include <gtest/gtest.h>

namespace auth {
namespace {

TEST(KeyRing, WithoutSecretsSignsNothing) {
  EXPECT_EQ(KeyRing().signing(), nullptr);
  EXPECT_EQ(KeyRing().Find(""), nullptr);
}

TEST(KeyRing, SignsWithTheFirstSecret) {
  const KeyRing ring({{"new", "a"}, {"old", "b"}});
  ASSERT_NE(ring.signing(), nullptr);
  EXPECT_EQ(ring.signing()->id, "new");
}

TEST(KeyRing, FindsASecretByItsWholeName) {
  const KeyRing ring({{"new", "a"}, {"old", "b"}});
  ASSERT_NE(ring.Find("old"), nullptr);
  EXPECT_EQ(ring.Find("old")->secret, "b");
  EXPECT_EQ(ring.Find("ol"), nullptr);
  EXPECT_EQ(ring.Find("older"), nullptr);
}

}  // namespace
}  // namespace auth
