#include "server/net/stream_output.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace relay::stream_output_test {

using std::chrono::milliseconds;

class StreamOutputTest : public testing::Test {
 protected:
  static base::MonotonicTime At(int at_milliseconds) {
    return base::MonotonicTime(milliseconds(at_milliseconds));
  }

  std::string Next() { return std::string(base::AsText(output_.Next())); }
  std::string TakeOne() {
    const std::string next = Next();
    output_.Consume(next.size());
    return next;
  }
  StreamOutput::Dropped AddData(const std::string& message, int at_milliseconds = 0) {
    return output_.AddData(base::AsBytes(message), At(at_milliseconds));
  }
  void AddControl(const std::string& message) { output_.AddControl(base::AsBytes(message)); }

  // What takes all the room there is for one client, or half of it.
  static constexpr std::size_t kCost = StreamOutput::kMessageCost;
  static constexpr std::size_t kLargest = StreamOutput::kMaxDataBytes - kCost;
  static constexpr std::size_t kHalf = StreamOutput::kMaxDataBytes / 2 - kCost;
  static constexpr std::size_t kLargestWhenCrowded = StreamOutput::kMaxDataBytesWhenCrowded - kCost;

  StreamBacklog backlog_;
  StreamOutput output_{backlog_};
};

TEST_F(StreamOutputTest, BeginsEmpty) {
  EXPECT_TRUE(output_.empty());
  EXPECT_EQ(Next(), "");
  EXPECT_FALSE(output_.Take().has_value());
}

TEST_F(StreamOutputTest, GivesDataInItsOrder) {
  AddData("one");
  AddData("two");
  EXPECT_EQ(TakeOne(), "one");
  EXPECT_EQ(TakeOne(), "two");
  EXPECT_TRUE(output_.empty());
}

TEST_F(StreamOutputTest, LetsAnswersGoBeforeData) {
  AddData("data");
  AddControl("first answer");
  AddControl("second answer");
  EXPECT_EQ(TakeOne(), "first answer");
  EXPECT_EQ(TakeOne(), "second answer");
  EXPECT_EQ(TakeOne(), "data");
}

TEST_F(StreamOutputTest, NothingOvertakesAMessageThatHasBegun) {
  AddData("data");
  EXPECT_EQ(Next(), "data");
  output_.Consume(1);
  AddControl("answer");
  EXPECT_EQ(Next(), "ata");
  output_.Consume(3);
  EXPECT_EQ(Next(), "answer");
}

TEST_F(StreamOutputTest, AMessageThatWasOnlyOfferedStaysInFrontToo) {
  // TLS has to be given the same octets again.
  output_.Begin(base::AsBytes("offered"), 0);
  AddControl("answer");
  EXPECT_EQ(Next(), "offered");
}

TEST_F(StreamOutputTest, GoesOnBehindWhatHasLeftAlready) {
  output_.Begin(base::AsBytes("partly"), 4);
  EXPECT_EQ(Next(), "ly");
}

TEST_F(StreamOutputTest, DropsTheOldestDataWhenThereIsTooMuch) {
  const std::string half(kHalf, 'x');
  EXPECT_EQ(AddData(half).full, 0u);
  EXPECT_EQ(AddData(half).full, 0u);
  EXPECT_EQ(AddData("fresh").full, 1u);
  EXPECT_EQ(output_.data_bytes(), half.size() + kCost + 5 + kCost);
  EXPECT_EQ(TakeOne(), half);
  EXPECT_EQ(TakeOne(), "fresh");
}

TEST_F(StreamOutputTest, TheSmallestMessagesAreBoundedTooInWhatTheyCost) {
  std::size_t dropped = 0;
  const std::size_t fit = StreamOutput::kMaxDataBytes / (4 + kCost);
  for (std::size_t i = 0; i < fit + 10; ++i) dropped += AddData("four").full;
  EXPECT_EQ(dropped, 10u);
}

TEST_F(StreamOutputTest, NeverDropsWhatHasBegunNorAnswers) {
  const std::string large(kLargest, 'x');
  AddData("begun");
  EXPECT_EQ(Next(), "begun");
  AddControl("answer");
  AddData(large);
  AddData(large);
  EXPECT_EQ(TakeOne(), "begun");
  EXPECT_EQ(TakeOne(), "answer");
  EXPECT_EQ(TakeOne(), large);
  EXPECT_TRUE(output_.empty());
}

TEST_F(StreamOutputTest, DropsDataThatIsTooOld) {
  const int age = static_cast<int>(StreamOutput::kMaxDataAge.count());
  AddData("old", 0);
  AddData("younger", 10);
  EXPECT_EQ(output_.DropExpired(At(age)).expired, 0u);
  EXPECT_EQ(output_.DropExpired(At(age + 1)).expired, 1u);
  EXPECT_EQ(TakeOne(), "younger");
}

TEST_F(StreamOutputTest, TellsAgeFromSizeWhenItDrops) {
  const std::string large(kLargest, 'x');
  AddData("old", 0);
  const auto dropped = AddData(large, 5000);
  EXPECT_EQ(dropped.expired, 1u);
  EXPECT_EQ(dropped.full, 0u);
  EXPECT_EQ(AddData(large, 5000).full, 1u);
}

TEST_F(StreamOutputTest, AnswersDoNotAge) {
  AddControl("answer");
  EXPECT_EQ(output_.DropExpired(At(1'000'000)).expired, 0u);
  EXPECT_EQ(TakeOne(), "answer");
}

TEST_F(StreamOutputTest, AllowsLittleWhenTheShardIsCrowded) {
  StreamBacklog crowded{.bytes = StreamBacklog().crowded_bytes};
  StreamOutput output{crowded};
  const std::string piece(kLargestWhenCrowded, 'x');
  EXPECT_EQ(output.AddData(base::AsBytes(piece), At(0)).full, 0u);
  EXPECT_EQ(output.AddData(base::AsBytes(piece), At(0)).full, 1u);
  EXPECT_EQ(output.data_bytes(), piece.size() + kCost);
  EXPECT_EQ(output.AddData(base::AsBytes(piece + "x"), At(0)).full, 1u);
  EXPECT_EQ(output.data_bytes(), piece.size() + kCost);
}

TEST_F(StreamOutputTest, IsCrowdedWhereItIsSaidToBe) {
  StreamBacklog small{.crowded_bytes = kHalf + kCost};
  StreamOutput first{small};
  StreamOutput second{small};
  first.AddData(base::AsBytes(std::string(kHalf - 1, 'x')), At(0));
  EXPECT_EQ(second.AddData(base::AsBytes(std::string(kLargestWhenCrowded + 1, 'x')), At(0)).full,
            0u);
  EXPECT_EQ(second.AddData(base::AsBytes(std::string(kLargestWhenCrowded + 1, 'x')), At(0)).full,
            1u);
}

TEST_F(StreamOutputTest, TwiceAsCrowdedTheFreshOnlyReplacesWhatThereIs) {
  StreamBacklog full{.bytes = 2000 - 4 - kCost, .crowded_bytes = 1000};
  StreamOutput output{full};
  EXPECT_EQ(output.AddData(base::AsBytes("data"), At(0)).full, 0u);
  EXPECT_EQ(output.AddData(base::AsBytes("news"), At(0)).full, 1u);
  EXPECT_EQ(base::AsText(output.Next()), "news");
  EXPECT_EQ(full.bytes, 2000 - 4 - kCost);
  full.bytes = 2000;
  StreamOutput newcomer{full};
  EXPECT_EQ(newcomer.AddData(base::AsBytes("data"), At(0)).full, 1u);
  EXPECT_TRUE(newcomer.empty());
  EXPECT_EQ(full.bytes, 2000u);
  newcomer.AddControl(base::AsBytes("answer"));
  EXPECT_EQ(base::AsText(newcomer.Next()), "answer");
}

TEST_F(StreamOutputTest, TheBacklogIsWhatWaits) {
  AddData("four");
  AddControl("not counted");
  EXPECT_EQ(backlog_.bytes, 4 + kCost);
  {
    StreamOutput other{backlog_};
    other.AddData(base::AsBytes("six..."), At(0));
    EXPECT_EQ(backlog_.bytes, 10 + 2 * kCost);
  }
  EXPECT_EQ(backlog_.bytes, 4 + kCost);
  TakeOne();
  TakeOne();
  EXPECT_EQ(backlog_.bytes, 0u);
}

TEST_F(StreamOutputTest, DropsDataAndKeepsWhatHasBegunAndAnswers) {
  AddData("begun");
  EXPECT_EQ(Next(), "begun");
  output_.Consume(2);
  AddData("one");
  AddData("two");
  AddControl("answer");
  EXPECT_EQ(output_.DropData().full, 2u);
  EXPECT_EQ(backlog_.bytes, 0u);
  EXPECT_EQ(TakeOne(), "gun");
  EXPECT_EQ(TakeOne(), "answer");
  EXPECT_TRUE(output_.empty());
}

TEST_F(StreamOutputTest, TakesWholeMessagesAnswersFirst) {
  AddData("data");
  AddControl("answer");
  EXPECT_EQ(base::AsText(*output_.Take()), "answer");
  EXPECT_EQ(base::AsText(*output_.Take()), "data");
  EXPECT_FALSE(output_.Take().has_value());
  EXPECT_EQ(backlog_.bytes, 0u);
}

}  // namespace relay::stream_output_test
