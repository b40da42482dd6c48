#include "server/web/qr_code.h"

#include <gtest/gtest.h>

namespace relay::qr_code_test {

TEST(QrCode, NothingAndTooMuchHaveNone) {
  EXPECT_FALSE(EncodeQr(""));
  EXPECT_FALSE(EncodeQr(std::string(kMaxQrTextBytes + 1, 'a')));
  EXPECT_TRUE(EncodeQr(std::string(kMaxQrTextBytes, 'a')));
}

TEST(QrCode, IsASquareWithAFinderInThreeCorners) {
  const auto rows = EncodeQr("https://turn.example.org/check#join=AAAAAAAAAAAAAAAAAAAAAA");
  ASSERT_TRUE(rows);
  const std::size_t size = rows->size();
  EXPECT_EQ((size - 21) % 4, 0U);
  for (const std::string& row : *rows) ASSERT_EQ(row.size(), size);
  EXPECT_EQ(rows->front().substr(0, 8), "11111110");
  EXPECT_EQ(rows->front().substr(size - 8), "01111111");
  EXPECT_EQ(rows->back().substr(0, 8), "11111110");
  EXPECT_NE(*rows, *EncodeQr("https://turn.example.org/check#join=BAAAAAAAAAAAAAAAAAAAAA"));
}

}  // namespace relay::qr_code_test
