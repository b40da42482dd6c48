#include "server/net/stream_output.h"

#include <gtest/gtest.h>

#include <string>

namespace relay {
namespace {

using Kind = StreamOutput::Kind;

std::string Drain(StreamOutput& output) {
  std::string all;
  while (!output.empty()) {
    const base::Bytes front = output.front();
    all.append(base::AsText(front));
    output.Consume(front.size());
  }
  return all;
}

TEST(StreamOutput, DropsTheOldestDataWhenTheLimitIsReached) {
  StreamOutput output(8);
  EXPECT_EQ(output.Add(Kind::kData, base::AsBytes("aaaa"), 0), 0u);
  EXPECT_EQ(output.Add(Kind::kData, base::AsBytes("bbbb"), 0), 0u);
  EXPECT_EQ(output.Add(Kind::kData, base::AsBytes("cccc"), 0), 1u);
  EXPECT_EQ(Drain(output), "bbbbcccc");
}

TEST(StreamOutput, NeverDropsWhatHasBegunToLeave) {
  StreamOutput output(8);
  output.Add(Kind::kData, base::AsBytes("aaaa"), 2);
  output.Add(Kind::kData, base::AsBytes("bbbb"), 0);
  EXPECT_EQ(output.Add(Kind::kData, base::AsBytes("cccc"), 0), 1u);
  EXPECT_EQ(Drain(output), "aacccc");
}

TEST(StreamOutput, ADataMessageLargerThanTheLimitIsDroppedItself) {
  StreamOutput output(3);
  EXPECT_EQ(output.Add(Kind::kData, base::AsBytes("aaaa"), 0), 1u);
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(output.data_bytes(), 0u);
}

TEST(StreamOutput, NeverDropsControlMessages) {
  StreamOutput output(4);
  output.Add(Kind::kControl, base::AsBytes("control1"), 0);
  output.Add(Kind::kData, base::AsBytes("dat1"), 0);
  output.Add(Kind::kControl, base::AsBytes("control2"), 0);
  EXPECT_EQ(output.Add(Kind::kData, base::AsBytes("dat2"), 0), 1u);
  EXPECT_EQ(Drain(output), "control1control2dat2");
}

TEST(StreamOutput, KeepsTheOrderOfBothKinds) {
  StreamOutput output(100);
  output.Add(Kind::kData, base::AsBytes("d1 "), 0);
  output.Add(Kind::kControl, base::AsBytes("c1 "), 0);
  output.Add(Kind::kData, base::AsBytes("d2"), 0);
  EXPECT_EQ(Drain(output), "d1 c1 d2");
}

TEST(StreamOutput, ConsumingPartOfAMessageLeavesTheRest) {
  StreamOutput output(100);
  output.Add(Kind::kControl, base::AsBytes("abcdef"), 1);
  output.Consume(2);
  EXPECT_EQ(base::AsText(output.front()), "def");
  EXPECT_EQ(output.control_bytes(), 6u);
  output.Consume(3);
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(output.control_bytes(), 0u);
}

}  // namespace
}  // namespace relay
