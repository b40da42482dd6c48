#include "server/metrics/metric_labels.h"

#include <gtest/gtest.h>

#include "protocol/stun/error_code.h"
#include "protocol/stun/message_type.h"
#include "protocol/turn/event.h"

namespace relay::metric_labels_test {

// The label at each position is what the enumerator of that value calls itself.
template <typename Enum, typename Labels>
void ExpectSameNames(const Labels& labels, int count) {
  ASSERT_EQ(labels.size(), static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < labels.size(); ++i)
    EXPECT_EQ(labels[i], turn::ToString(static_cast<Enum>(i)));
}

TEST(MetricLabels, AuthenticationFailuresAreThoseOfTheEngine) {
  ExpectSameNames<turn::AuthFailure>(kAuthFailureLabels, turn::kAuthFailureCount);
}

TEST(MetricLabels, CloseReasonsAreThoseOfTheEngine) {
  ExpectSameNames<turn::CloseReason>(kCloseReasonLabels, turn::kCloseReasonCount);
}

TEST(MetricLabels, QuotaScopesAreThoseOfTheEngine) {
  ExpectSameNames<turn::QuotaScope>(kQuotaScopeLabels, turn::kQuotaScopeCount);
}

TEST(MetricLabels, DropReasonsAreThoseOfTheEngine) {
  ExpectSameNames<turn::DropReason>(kDropReasonLabels, turn::kDropReasonCount);
}

TEST(MetricLabels, TransportsAreNamedAsTheProtocolNamesThem) {
  for (std::size_t i = 0; i < kTransportLabels.size(); ++i) {
    EXPECT_EQ(kTransportLabels[i], base::TransportName(static_cast<base::Transport>(i)));
  }
}

TEST(MetricLabels, EveryMethodHasItsOwnLabel) {
  for (const auto method :
       {stun::Method::kBinding, stun::Method::kAllocate, stun::Method::kRefresh,
        stun::Method::kSend, stun::Method::kData, stun::Method::kCreatePermission,
        stun::Method::kChannelBind, stun::Method::kConnect, stun::Method::kConnectionBind,
        stun::Method::kConnectionAttempt}) {
    EXPECT_EQ(kMethodLabels[MethodIndex(static_cast<std::uint16_t>(method))],
              stun::MethodName(method));
  }
}

TEST(MetricLabels, AMethodOfAnotherProtocolIsUnknown) {
  for (const std::uint16_t method : std::to_array<std::uint16_t>({0x000, 0x002, 0x080, 0xfff})) {
    EXPECT_EQ(kMethodLabels[MethodIndex(method)], "unknown");
  }
}

TEST(MetricLabels, EveryErrorCodeIsItsOwnOutcome) {
  for (std::size_t i = 1; i < kOutcomeLabels.size(); ++i) {
    const auto code = static_cast<std::uint16_t>(std::stoi(std::string(kOutcomeLabels[i])));
    EXPECT_EQ(OutcomeIndex(code), i);
    EXPECT_FALSE(stun::ReasonPhrase(static_cast<stun::ErrorCode>(code)).empty());
  }
}

TEST(MetricLabels, EveryRefusalOfAConnectionHasItsOwnLabel) {
  const auto label = [](ConnectionRefusal refusal) {
    return kConnectionRefusalLabels[LabelIndex(refusal)];
  };
  EXPECT_EQ(label(ConnectionRefusal::kSourceLimit), "source_limit");
  EXPECT_EQ(label(ConnectionRefusal::kClientDenied), "client_denied");
  EXPECT_EQ(label(ConnectionRefusal::kSystemLimit), "system_limit");
  EXPECT_EQ(label(ConnectionRefusal::kHandshakeLimit), "handshake_limit");
  EXPECT_EQ(label(ConnectionRefusal::kProxyHeader), "proxy_header");
  EXPECT_EQ(label(ConnectionRefusal::kMemory), "memory");
  EXPECT_EQ(kConnectionRefusalLabels.size(), 6U);
}

TEST(MetricLabels, SuccessIsTheOutcomeWithoutACode) {
  EXPECT_EQ(kOutcomeLabels[OutcomeIndex(0)], "success");
}

TEST(MetricLabels, FamiliesAreNotTheirNumbersOnTheWire) {
  EXPECT_EQ(kFamilyLabels[LabelIndex(base::AddressFamily::kIpv4)], "ipv4");
  EXPECT_EQ(kFamilyLabels[LabelIndex(base::AddressFamily::kIpv6)], "ipv6");
}

}  // namespace relay::metric_labels_test
