#include "protocol/turn/event.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>

namespace turn::event_test {

template <typename Reason>
void ExpectDistinctLabels(int count) {
  std::set<std::string_view> labels;
  for (int i = 0; i < count; ++i) {
    const std::string_view label = ToString(static_cast<Reason>(i));
    EXPECT_NE(label, "unknown") << i;
    for (const char character : label)
      EXPECT_TRUE(std::islower(character) != 0 || character == '_') << label;
    labels.insert(label);
  }
  EXPECT_EQ(labels.size(), static_cast<std::size_t>(count));
  EXPECT_EQ(ToString(static_cast<Reason>(count)), "unknown");
}

TEST(Event, EveryReasonHasALabelOfItsOwn) {
  ExpectDistinctLabels<AuthFailure>(kAuthFailureCount);
  ExpectDistinctLabels<CloseReason>(kCloseReasonCount);
  ExpectDistinctLabels<QuotaScope>(kQuotaScopeCount);
  ExpectDistinctLabels<DropReason>(kDropReasonCount);
}

}  // namespace turn::event_test
