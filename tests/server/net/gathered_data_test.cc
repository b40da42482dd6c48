#include "server/net/gathered_data.h"

#include <gtest/gtest.h>

#include <string>

namespace relay::gathered_data_test {

class GatheredDataTest : public testing::Test {
 protected:
  bool Add(const std::string& message) { return data_.Add(base::AsBytes(message)); }
  std::string Joined() { return std::string(base::AsText(data_.Joined())); }

  GatheredData data_;
};

TEST_F(GatheredDataTest, BeginsEmpty) {
  EXPECT_TRUE(data_.empty());
  EXPECT_TRUE(data_.messages().empty());
  EXPECT_TRUE(data_.Joined().empty());
}

TEST_F(GatheredDataTest, JoinsMessagesInTheirOrder) {
  const std::string one = "one";
  const std::string two = "two";
  EXPECT_TRUE(Add(one));
  EXPECT_TRUE(Add(two));
  EXPECT_FALSE(data_.empty());
  EXPECT_EQ(Joined(), "onetwo");
  ASSERT_EQ(data_.messages().size(), 2U);
  EXPECT_EQ(base::AsText(data_.messages()[1]), "two");
}

TEST_F(GatheredDataTest, DoesNotCopyASingleMessage) {
  const std::string only = "only";
  EXPECT_TRUE(Add(only));
  EXPECT_EQ(data_.Joined().data(), base::AsBytes(only).data());
}

TEST_F(GatheredDataTest, TakesNoMoreThanItHasRoomFor) {
  const std::string half(GatheredData::kMaxBytes / 2, 'h');
  const std::string octet = "o";
  EXPECT_TRUE(Add(half));
  EXPECT_TRUE(Add(half));
  EXPECT_FALSE(Add(octet));
  EXPECT_EQ(Joined(), half + half);
}

TEST_F(GatheredDataTest, TakesAMessageOfAnyLengthAlone) {
  const std::string longer(GatheredData::kMaxBytes + 1, 'l');
  const std::string octet = "o";
  EXPECT_TRUE(Add(longer));
  EXPECT_FALSE(Add(octet));
  EXPECT_EQ(Joined(), longer);
  data_.Clear();
  EXPECT_TRUE(Add(octet));
  EXPECT_FALSE(Add(longer));
}

TEST_F(GatheredDataTest, TakesSoManyMessagesAtTheMost) {
  const std::string octet = "o";
  for (std::size_t i = 0; i < GatheredData::kMaxMessages; ++i) EXPECT_TRUE(Add(octet));
  EXPECT_FALSE(Add(octet));
  data_.Clear();
  EXPECT_TRUE(data_.empty());
  EXPECT_TRUE(Add(octet));
}

}  // namespace relay::gathered_data_test
