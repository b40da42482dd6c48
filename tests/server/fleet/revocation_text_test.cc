#include "server/fleet/revocation_text.h"

#include <gtest/gtest.h>

#include <string>

namespace relay::revocation_text_test {

using auth::Revocation;
using std::chrono::milliseconds;

Revocation Example(std::string value = "1795:k1.acme.hash:jti") {
  return {Revocation::Kind::kUsername, std::move(value),
          base::WallTime(milliseconds(1'795'000'000'001)),
          base::WallTime(milliseconds(1'795'000'999'000))};
}

RedisReply Text(std::string text) {
  RedisReply reply;
  reply.kind = RedisReply::Kind::kText;
  reply.text = std::move(text);
  return reply;
}

RedisReply Array(std::vector<RedisReply> elements) {
  RedisReply reply;
  reply.kind = RedisReply::Kind::kArray;
  reply.elements = std::move(elements);
  return reply;
}

RedisReply Entry(const std::string& id, const std::vector<std::string>& fields) {
  std::vector<RedisReply> texts;
  for (const std::string& each : fields) texts.push_back(Text(each));
  return Array({Text(id), Array(std::move(texts))});
}

TEST(RevocationText, OfAnEntryThatIsNoneIsNothing) {
  EXPECT_FALSE(ReadStreamEntry(RedisReply()));
  EXPECT_FALSE(ReadStreamEntry(Text("1-1")));
  EXPECT_FALSE(ReadStreamEntry(Array({Text("1-1")})));
  for (const char* id : {"", "-", "1-", "-1", "1", "a-1", "1-1 ", "1-1\r\nDEL x"})
    EXPECT_FALSE(ReadStreamEntry(Entry(id, WriteRevocationFields(Example())))) << id;
}

TEST(RevocationText, OfFieldsThatAreNoneIsAnEntryWithoutARevocation) {
  const auto expect_none = [](const std::vector<std::string>& fields) {
    const auto entry = ReadStreamEntry(Entry("5-0", fields));
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->id, "5-0");
    EXPECT_FALSE(entry->revocation);
  };
  expect_none({});
  expect_none({"kind"});
  for (const std::size_t missing : {0u, 2u, 4u, 6u}) {
    std::vector<std::string> fields = WriteRevocationFields(Example());
    fields[missing] = "other";
    expect_none(fields);
  }
  const auto expect_wrong = [&](std::size_t place, const std::string& value) {
    std::vector<std::string> fields = WriteRevocationFields(Example());
    fields[place] = value;
    expect_none(fields);
  };
  expect_wrong(1, "everybody");
  expect_wrong(3, "");
  expect_wrong(3, std::string(764, 'x'));
  for (const std::size_t time : {5u, 7u}) {
    for (const char* value : {"", "-1", "soon", "1.5", "99999999999999999999", "9999999999999999"})
      expect_wrong(time, value);
  }
  const auto nested = ReadStreamEntry(Array({Text("5-0"), Array({Text("kind"), Array({})})}));
  ASSERT_TRUE(nested);
  EXPECT_FALSE(nested->revocation);
}

TEST(RevocationText, OfAStreamIsReadAsItWasWritten) {
  const auto entry = ReadStreamEntry(Entry("5-0", WriteRevocationFields(Example("a\0 b\xff"))));
  ASSERT_TRUE(entry && entry->revocation);
  EXPECT_EQ(*entry->revocation, Example("a\0 b\xff"));
}

TEST(RevocationText, OfAFileIsReadAsItWasWritten) {
  std::vector<Revocation> all{Example(), Example(std::string("\0\n\xff ", 4))};
  for (const auto kind : {Revocation::Kind::kSubject, Revocation::Kind::kTenant,
                          Revocation::Kind::kKid, Revocation::Kind::kJti}) {
    all.push_back(Example("x"));
    all.back().kind = kind;
  }
  EXPECT_EQ(ReadSavedRevocations(WriteSavedRevocations(all)), all);
  EXPECT_EQ(ReadSavedRevocations(WriteSavedRevocations({})), std::vector<Revocation>());
}

TEST(RevocationText, OfAFileThatIsDamagedIsNothing) {
  const std::string text = WriteSavedRevocations({Example(), Example("x")});
  for (std::size_t length = 0; length < text.size(); ++length)
    EXPECT_FALSE(ReadSavedRevocations(text.substr(0, length))) << length;
  for (std::size_t place = 0; place < text.size(); ++place) {
    std::string changed = text;
    changed[place] = static_cast<char>(changed[place] ^ 1);
    EXPECT_FALSE(ReadSavedRevocations(changed)) << place;
  }
  EXPECT_FALSE(ReadSavedRevocations(text + text));
  EXPECT_FALSE(ReadSavedRevocations("\n"));
}

TEST(RevocationText, MillisecondsAreNotEarlierThanWhatTheyStandFor) {
  Revocation exact = Example();
  exact.revoked_at += std::chrono::nanoseconds(1);
  const Revocation written = InMilliseconds(exact);
  EXPECT_EQ(written.revoked_at, Example().revoked_at + milliseconds(1));
  EXPECT_EQ(InMilliseconds(written), written);
}

}  // namespace relay::revocation_text_test
