#include "server/net/client_liveness.h"

#include <gtest/gtest.h>

namespace relay::client_liveness_test {

using std::chrono::seconds;

class ClientLivenessTest : public testing::Test {
 protected:
  static base::MonotonicTime At(int at_seconds) { return base::MonotonicTime(seconds(at_seconds)); }

  ClientLiveness liveness_{At(0)};
};

TEST_F(ClientLivenessTest, AClientMustSaySomethingValidSoon) {
  EXPECT_FALSE(liveness_.IsOverdue(At(10)));
  EXPECT_TRUE(liveness_.IsOverdue(At(11)));
}

TEST_F(ClientLivenessTest, NonsenseDoesNotCount) {
  liveness_.OnMessage(At(5));
  EXPECT_TRUE(liveness_.IsOverdue(At(11)));
}

TEST_F(ClientLivenessTest, ThenItMayBeSilentForAWhile) {
  liveness_.OnMessage(At(5));
  liveness_.OnValidMessage();
  EXPECT_FALSE(liveness_.IsOverdue(At(305)));
  EXPECT_TRUE(liveness_.IsOverdue(At(306)));
  liveness_.OnMessage(At(306));
  EXPECT_FALSE(liveness_.IsOverdue(At(606)));
}

TEST_F(ClientLivenessTest, AnAllocationHasALifetimeOfItsOwn) {
  liveness_.OnValidMessage();
  liveness_.AddAllocations(2);
  EXPECT_FALSE(liveness_.IsOverdue(At(100'000)));
  liveness_.AddAllocations(-1);
  EXPECT_FALSE(liveness_.IsOverdue(At(100'000)));
  liveness_.AddAllocations(-1);
  EXPECT_TRUE(liveness_.IsOverdue(At(100'000)));
}

}  // namespace relay::client_liveness_test
