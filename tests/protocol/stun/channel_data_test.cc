#include "protocol/stun/channel_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "tests/support/hex.h"

namespace stun::channel_data_test {

using ::test::FromHex;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ChannelData, B33_LessThanAHeaderIsRefused) {
  for (const std::string_view hex : {"", "40", "4000", "400000"}) {
    EXPECT_FALSE(ParseChannelData(FromHex(hex)).has_value()) << hex;
  }
}

TEST(ChannelData, CHAN_17_ALengthBeyondTheDatagramIsRefused) {
  for (const std::string_view hex :
       {"40000010 00000000", "4000ffff 00000000", "40000005 01020304", "40000001"}) {
    EXPECT_FALSE(ParseChannelData(FromHex(hex)).has_value()) << hex;
  }
}

TEST(ChannelData, CHAN_18_OctetsBeyondTheLengthAreDropped) {
  const std::vector<std::uint8_t> octets = FromHex("40000005 0102030405 ffffff");
  const std::optional<ChannelDataView> message = ParseChannelData(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_THAT(message->data, ElementsAre(1, 2, 3, 4, 5));
}

TEST(ChannelData, CHAN_21_NoDataAtAllIsAMessage) {
  const std::optional<ChannelDataView> message = ParseChannelData(FromHex("40000000"));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->channel, kFirstChannel);
  EXPECT_THAT(message->data, IsEmpty());
}

TEST(ChannelData, DataIsAViewBehindTheHeader) {
  const std::vector<std::uint8_t> octets = FromHex("4fff0002 abcd");
  const std::optional<ChannelDataView> message = ParseChannelData(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->channel, kLastChannel);
  EXPECT_EQ(message->data.data(), octets.data() + 4);
  EXPECT_EQ(message->data.size(), 2u);
}

TEST(ChannelData, CHAN_24_TheLongestMessageIsRead) {
  std::vector<std::uint8_t> octets = FromHex("4000ffff");
  octets.resize(4 + 65535);
  EXPECT_EQ(ParseChannelData(octets)->data.size(), 65535u);
  octets.pop_back();
  EXPECT_FALSE(ParseChannelData(octets).has_value());
}

TEST(ChannelDataDeathTest, AHeaderWithoutRoomAborts) {
  std::array<std::uint8_t, 3> out{};
  EXPECT_DEATH(WriteChannelDataHeader(out, kFirstChannel, 0), "CHECK failed");
}

TEST(ChannelDataDeathTest, MoreDataThanTheLengthCanSayAborts) {
  std::array<std::uint8_t, 4> out{};
  EXPECT_DEATH(WriteChannelDataHeader(out, kFirstChannel, 65536), "CHECK failed");
}

TEST(ChannelData, AHeaderIsFourOctetsAndTouchesNoMore) {
  std::array<std::uint8_t, 5> out = {9, 9, 9, 9, 9};
  WriteChannelDataHeader(out, ChannelNumber{0x4abc}, 0x1234);
  EXPECT_THAT(out, ElementsAre(0x4a, 0xbc, 0x12, 0x34, 9));
}

TEST(ChannelData, CHAN_19_PaddingFillsUpToAMultipleOfFour) {
  EXPECT_EQ(StreamPadding(0), 0u);
  EXPECT_EQ(StreamPadding(1), 3u);
  EXPECT_EQ(StreamPadding(2), 2u);
  EXPECT_EQ(StreamPadding(3), 1u);
  EXPECT_EQ(StreamPadding(4), 0u);
  EXPECT_EQ(StreamPadding(65535), 1u);
}

}  // namespace stun::channel_data_test
