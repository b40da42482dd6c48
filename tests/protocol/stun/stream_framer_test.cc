#include "protocol/stun/stream_framer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/protocol/stun/message_octets.h"
#include "tests/support/hex.h"

namespace stun::stream_framer_test {

using ::test::BindingRequest;
using ::test::FromHex;
using ::testing::ElementsAre;
using Verdict = StreamFramer::Verdict;

void Append(std::vector<std::uint8_t>& stream, const std::vector<std::uint8_t>& octets) {
  stream.insert(stream.end(), octets.begin(), octets.end());
}

// The sizes of all messages of a stream that arrives `segment` octets at a time.
std::vector<std::uint32_t> MessageSizes(base::Bytes stream, std::size_t segment) {
  std::vector<std::uint32_t> sizes;
  std::size_t dropped = 0;
  for (std::size_t received = 0; received < stream.size();) {
    received = std::min(received + segment, stream.size());
    while (true) {
      const StreamFramer::Frame frame =
          StreamFramer::Next(stream.subspan(dropped, received - dropped));
      EXPECT_NE(frame.verdict, Verdict::kInvalid);
      if (frame.verdict != Verdict::kMessage) break;
      sizes.push_back(frame.message_bytes);
      dropped += frame.consumed_bytes;
    }
  }
  EXPECT_EQ(dropped, stream.size());
  return sizes;
}

TEST(StreamFramer, B21_AFirstOctetThatIsNeitherStunNorAChannelIsInvalid) {
  for (int first = 0; first <= 255; ++first) {
    const std::vector<std::uint8_t> unread = {static_cast<std::uint8_t>(first)};
    const bool is_known = first <= 3 || (first >= 0x40 && first <= 0x4f);
    EXPECT_EQ(StreamFramer::Next(unread).verdict, is_known ? Verdict::kNeedMore : Verdict::kInvalid)
        << first;
  }
}

TEST(StreamFramer, CHAN_16_ChannelsAbove0x4fffAreInvalidUnlessTheOldRangeIsSwitchedOn) {
  for (const std::string_view hex : {"50000000", "7ffe0000"}) {
    EXPECT_EQ(StreamFramer::Next(FromHex(hex)).verdict, Verdict::kInvalid) << hex;
    EXPECT_EQ(StreamFramer::Next(FromHex(hex), 0x7f).verdict, Verdict::kMessage) << hex;
  }
  EXPECT_EQ(StreamFramer::Next(FromHex("80000000"), 0x7f).verdict, Verdict::kInvalid);
}

TEST(StreamFramer, B20_AStunLengthThatIsNoMultipleOfFourIsInvalidAtOnce) {
  for (const std::string_view hex : {"00010001", "00010002", "00010003", "0001ffff"}) {
    EXPECT_EQ(StreamFramer::Next(FromHex(hex)).verdict, Verdict::kInvalid) << hex;
  }
}

TEST(StreamFramer, AStunMessageWithoutTheCookieIsInvalidAsSoonAsTheCookieIsThere) {
  EXPECT_EQ(StreamFramer::Next(FromHex("00010000 2112a4")).verdict, Verdict::kNeedMore);
  EXPECT_EQ(StreamFramer::Next(FromHex("00010000 2112a443")).verdict, Verdict::kInvalid);
  EXPECT_EQ(StreamFramer::Next(FromHex("0001fffc 00000000")).verdict, Verdict::kInvalid);
}

TEST(StreamFramer, AClassicMessageIsInvalidOnAStream) {
  EXPECT_EQ(StreamFramer::Next(FromHex("00010000 000102030405060708090a0b0c0d0e0f")).verdict,
            Verdict::kInvalid);
}

TEST(StreamFramer, B22_ZerosAreInvalid) {
  EXPECT_EQ(StreamFramer::Next(std::vector<std::uint8_t>(1000)).verdict, Verdict::kInvalid);
}

TEST(StreamFramer, B23_AnHttpRequestIsNoMessage) {
  // "G" is in the channel range: it waits for data that never comes, which is for a timeout, or is
  // framed as data.
  EXPECT_NE(StreamFramer::Next(base::AsBytes("GET / HTTP/1.1\r\n\r\n")).verdict, Verdict::kMessage);
  EXPECT_EQ(StreamFramer::Next(base::AsBytes("POST / HTTP/1.1\r\n")).verdict, Verdict::kInvalid);
}

TEST(StreamFramer, B24_ATlsClientHelloIsInvalid) {
  EXPECT_EQ(StreamFramer::Next(FromHex("1603010200")).verdict, Verdict::kInvalid);
}

TEST(StreamFramer, NothingNeedsOneOctet) {
  const StreamFramer::Frame frame = StreamFramer::Next({});
  EXPECT_EQ(frame.verdict, Verdict::kNeedMore);
  EXPECT_EQ(frame.consumed_bytes, 1u);
}

TEST(StreamFramer, WhatIsNeededIsAlwaysMoreThanWasShown) {
  std::vector<std::uint8_t> stun = BindingRequest("000d0004 00000258");
  std::vector<std::uint8_t> channel = FromHex("40000005 0102030405 000000");
  for (const std::vector<std::uint8_t>& whole : {stun, channel}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const StreamFramer::Frame frame = StreamFramer::Next(base::Bytes(whole).first(size));
      EXPECT_EQ(frame.verdict, Verdict::kNeedMore) << size;
      EXPECT_GT(frame.consumed_bytes, size);
      EXPECT_LE(frame.consumed_bytes, whole.size());
    }
    EXPECT_EQ(StreamFramer::Next(whole).verdict, Verdict::kMessage);
  }
}

TEST(StreamFramer, AHeaderTellsTheSizeOfTheWholeMessage) {
  EXPECT_EQ(StreamFramer::Next(FromHex("0001fffc 2112a442")).consumed_bytes, 20u + 0xfffc);
  EXPECT_EQ(StreamFramer::Next(FromHex("40000005")).consumed_bytes, 12u);
}

TEST(StreamFramer, CHAN_24_TheLongestChannelDataDoesNotWrap) {
  std::vector<std::uint8_t> unread = FromHex("4000ffff");
  EXPECT_EQ(StreamFramer::Next(unread).consumed_bytes, 65540u);
  unread.resize(65539);
  EXPECT_EQ(StreamFramer::Next(unread).verdict, Verdict::kNeedMore);
  unread.resize(65540);
  const StreamFramer::Frame frame = StreamFramer::Next(unread);
  EXPECT_EQ(frame.verdict, Verdict::kMessage);
  EXPECT_EQ(frame.message_bytes, 65539u);
  EXPECT_EQ(frame.consumed_bytes, 65540u);
}

TEST(StreamFramer, B18_ABindingAfterTheLongestChannelDataIsFound) {
  std::vector<std::uint8_t> stream = FromHex("4000ffff");
  stream.resize(65540);
  Append(stream, BindingRequest(""));
  EXPECT_THAT(MessageSizes(stream, 1500), ElementsAre(65539, 20));
}

TEST(StreamFramer, NoMessageIsLargerThanTheStatedMaximum) {
  EXPECT_LE(StreamFramer::Next(FromHex("4000ffff")).consumed_bytes, StreamFramer::kMaxFrameBytes);
  EXPECT_LE(StreamFramer::Next(FromHex("0001fffc 2112a442")).consumed_bytes,
            StreamFramer::kMaxFrameBytes);
}

TEST(StreamFramer, CHAN_19_PaddingBelongsToChannelDataButIsNotPartOfTheMessage) {
  std::vector<std::uint8_t> stream;
  for (const std::string_view hex : {"40000001 aaffffff", "40000002 aaaaffff", "40000003 aaaaaaff",
                                     "40000005 aaaaaaaaaaffffff", "40000000"}) {
    Append(stream, FromHex(hex));
  }
  Append(stream, BindingRequest(""));
  EXPECT_THAT(MessageSizes(stream, stream.size()), ElementsAre(5, 6, 7, 9, 4, 20));
}

TEST(StreamFramer, STUN_30_CHAN_23_AnySegmentationGivesTheSameMessages) {
  std::vector<std::uint8_t> stream;
  for (int i = 0; i < 3; ++i) {
    Append(stream, BindingRequest("80220003 61626300"));
    Append(stream, FromHex("4fff0006 010203040506 0000"));
    Append(stream, BindingRequest(""));
    Append(stream, FromHex("40000000"));
  }
  const std::vector<std::uint32_t> expected = {28, 10, 20, 4, 28, 10, 20, 4, 28, 10, 20, 4};
  for (std::size_t segment = 1; segment <= stream.size(); ++segment) {
    EXPECT_EQ(MessageSizes(stream, segment), expected) << segment;
  }
}

TEST(StreamFramer, MUX_02_AnUnknownMethodIsStillAMessage) {
  std::vector<std::uint8_t> octets = BindingRequest("");
  octets[0] = 0x03;
  EXPECT_EQ(StreamFramer::Next(octets).verdict, Verdict::kMessage);
}

}  // namespace stun::stream_framer_test
