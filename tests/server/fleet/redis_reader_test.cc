#include "server/fleet/redis_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace relay::redis_reader_test {

using testing::HasSubstr;
using testing::IsEmpty;

std::string ArrayOf(std::size_t elements) { return "*" + std::to_string(elements) + "\r\n"; }

TEST(RedisReaderTest, MakesNoRoomForAnArrayThatIsOnlyAnnounced) {
  for (const std::string announced : {"2147483647", "65537"}) {
    RedisReader reader;
    reader.Feed("*" + announced + "\r\n");
    EXPECT_FALSE(reader.Next());
    EXPECT_THAT(reader.trouble(), HasSubstr("too long")) << announced;
  }
}

TEST(RedisReaderTest, CountsTheElementsOfArraysInArrays) {
  RedisReader reader;
  reader.Feed(ArrayOf(2) + ArrayOf(RedisReader::kMaxElements - 2));
  EXPECT_FALSE(reader.Next());
  EXPECT_THAT(reader.trouble(), IsEmpty());
  for (std::size_t i = 0; i < RedisReader::kMaxElements - 2; ++i) reader.Feed(":1\r\n");
  reader.Feed(ArrayOf(1));
  EXPECT_FALSE(reader.Next());
  EXPECT_THAT(reader.trouble(), HasSubstr("too long"));
}

TEST(RedisReaderTest, CountsTheElementsOfEachAnswerByItself) {
  RedisReader reader;
  for (int round = 0; round < 2; ++round) {
    reader.Feed(ArrayOf(RedisReader::kMaxElements));
    for (std::size_t i = 0; i < RedisReader::kMaxElements; ++i) reader.Feed(":1\r\n");
    const auto reply = reader.Next();
    ASSERT_TRUE(reply) << reader.trouble();
    EXPECT_EQ(reply->elements.size(), RedisReader::kMaxElements);
  }
}

TEST(RedisReaderTest, CountsTheOctetsOfElementsThatHaveBeenReadAlready) {
  const std::string element = "$1048576\r\n" + std::string(1U << 20, 'x') + "\r\n";
  RedisReader reader;
  reader.Feed(ArrayOf(100));
  for (std::size_t i = 0; i < (RedisReader::kMaxOctets >> 20) - 1; ++i) {
    reader.Feed(element);
    EXPECT_FALSE(reader.Next());
    ASSERT_THAT(reader.trouble(), IsEmpty()) << i;
  }
  reader.Feed(element);
  EXPECT_FALSE(reader.Next());
  EXPECT_THAT(reader.trouble(), HasSubstr("too long"));
}

TEST(RedisReaderTest, ALineHasAnEnd) {
  for (const char kind : {'+', '-', ':', '*', '$'}) {
    RedisReader reader;
    reader.Feed(std::string(1, kind));
    for (std::size_t fed = 0; fed < RedisReader::kMaxLineOctets; fed += 1024) {
      reader.Feed(std::string(1024, '1'));
      EXPECT_FALSE(reader.Next());
      ASSERT_THAT(reader.trouble(), IsEmpty()) << kind << fed;
    }
    reader.Feed("1");
    EXPECT_FALSE(reader.Next());
    EXPECT_THAT(reader.trouble(), HasSubstr("too long")) << kind;
  }
}

TEST(RedisReaderTest, AStringMayBeLongerThanALine) {
  const std::string text(4 * RedisReader::kMaxLineOctets, 'x');
  RedisReader reader;
  reader.Feed("$" + std::to_string(text.size()) + "\r\n");
  for (std::size_t at = 0; at < text.size(); at += 4096) {
    reader.Feed(std::string_view(text).substr(at, 4096));
    EXPECT_FALSE(reader.Next());
  }
  reader.Feed("\r\n");
  const auto reply = reader.Next();
  ASSERT_TRUE(reply) << reader.trouble();
  EXPECT_EQ(reply->text, text);
}

TEST(RedisReaderTest, ReadsNothingMoreOnceThereIsTrouble) {
  RedisReader reader;
  reader.Feed("+PONG\r\nHTTP/1.1 400 Bad Request\r\n");
  EXPECT_TRUE(reader.Next());
  EXPECT_FALSE(reader.Next());
  EXPECT_THAT(reader.trouble(), HasSubstr("does not speak the protocol"));
  reader.Feed("+PONG\r\n");
  EXPECT_FALSE(reader.Next());
}

TEST(RedisReaderTest, GivesTheAnswersInTheirOrderHoweverTheyAreCut) {
  const std::string sent = "+one\r\n*2\r\n$3\r\ntwo\r\n:3\r\n$-1\r\n";
  RedisReader reader;
  std::vector<RedisReply> replies;
  for (const char octet : sent) {
    reader.Feed({&octet, 1});
    while (auto reply = reader.Next()) replies.push_back(std::move(*reply));
  }
  ASSERT_EQ(replies.size(), 3);
  EXPECT_EQ(replies[0].text, "one");
  ASSERT_EQ(replies[1].elements.size(), 2);
  EXPECT_EQ(replies[1].elements[0].text, "two");
  EXPECT_EQ(replies[1].elements[1].integer, 3);
  EXPECT_EQ(replies[2].kind, RedisReply::Kind::kNil);
}

}  // namespace relay::redis_reader_test
