#include "protocol/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace base::result_test {

TEST(ResultDeathTest, TheValueOfAFailureAborts) {
  const Result<int> result = Error{"port 3478 is taken"};
  EXPECT_DEATH(static_cast<void>(result.value()), "CHECK failed");
}

TEST(ResultDeathTest, TheErrorOfASuccessAborts) {
  const Result<int> result = 7;
  EXPECT_DEATH(static_cast<void>(result.error()), "CHECK failed");
}

TEST(Result, AFailureSaysWhy) {
  const Result<int> result = Error{"port 3478 is taken"};
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "port 3478 is taken");
}

TEST(Result, AFailureWithoutAValueSaysWhy) {
  const Result<void> result = Error{"no such file"};
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "no such file");
}

TEST(Result, ASuccessHoldsItsValue) {
  const Result<std::string> result = std::string("value");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value(), "value");
}

TEST(Result, ASuccessWithoutAValueIsOk) { EXPECT_TRUE(Result<void>().ok()); }

TEST(Result, AValueThatCannotBeCopiedCanBeMovedOut) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 7);
}

}  // namespace base::result_test
