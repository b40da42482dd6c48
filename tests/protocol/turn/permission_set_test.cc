#include "protocol/turn/permission_set.h"

#include <gtest/gtest.h>

namespace turn::permission_set_test {

using std::chrono::seconds;

const base::MonotonicTime kNow{seconds(1000)};
base::IpAddress Address(std::string_view text) { return *base::IpAddress::Parse(text); }

TEST(PermissionSet, AnExpiredPermissionIsNotFoundThoughItIsStillHeld) {
  PermissionSet set;
  EXPECT_TRUE(set.Install({Address("20.9.9.9"), false, kNow + seconds(1)}));
  EXPECT_NE(set.Find(Address("20.9.9.9"), kNow), nullptr);
  EXPECT_EQ(set.Find(Address("20.9.9.9"), kNow + seconds(1)), nullptr);
  EXPECT_EQ(set.size(), 1u);
}

TEST(PermissionSet, InstallingAgainReplaces) {
  PermissionSet set;
  set.Install({Address("20.9.9.9"), false, kNow + seconds(1)});
  EXPECT_FALSE(set.Install({Address("20.9.9.9"), true, kNow + seconds(5)}));
  EXPECT_TRUE(set.Find(Address("20.9.9.9"), kNow + seconds(4))->is_own_relay);
  EXPECT_EQ(set.size(), 1u);
}

TEST(PermissionSet, ManyAreFoundInWhateverOrderTheyCame) {
  PermissionSet set;
  for (int i = 0; i < 200; ++i)
    set.Install(
        {Address("20.9.9." + std::to_string((i * 77) % 200)), false, kNow + seconds(1 + i)});
  for (int i = 0; i < 200; ++i)
    EXPECT_NE(set.Find(Address("20.9.9." + std::to_string(i)), kNow), nullptr);
  EXPECT_EQ(set.Find(Address("20.9.9.200"), kNow), nullptr);
  EXPECT_EQ(set.EarliestExpiry(), kNow + seconds(1));
}

TEST(PermissionSet, RemoveIfSaysHowMany) {
  PermissionSet set;
  for (int i = 1; i <= 9; ++i)
    set.Install({Address("20.9.9." + std::to_string(i)), false, kNow + seconds(i)});
  EXPECT_EQ(
      set.RemoveIf([](const Permission& each) { return each.expires_at <= kNow + seconds(4); }),
      4u);
  EXPECT_EQ(set.size(), 5u);
}

TEST(PermissionSet, AnEmptySetNeverExpires) {
  EXPECT_EQ(PermissionSet().EarliestExpiry(), std::nullopt);
}

}  // namespace turn::permission_set_test
