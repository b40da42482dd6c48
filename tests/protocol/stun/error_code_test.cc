#include "protocol/stun/error_code.h"

#include <gtest/gtest.h>

namespace stun::error_code_test {

constexpr ErrorCode kAll[] = {
    ErrorCode::kTryAlternate,
    ErrorCode::kBadRequest,
    ErrorCode::kUnauthenticated,
    ErrorCode::kForbidden,
    ErrorCode::kMobilityForbidden,
    ErrorCode::kUnknownAttribute,
    ErrorCode::kAllocationMismatch,
    ErrorCode::kStaleNonce,
    ErrorCode::kAddressFamilyNotSupported,
    ErrorCode::kWrongCredentials,
    ErrorCode::kUnsupportedTransportProtocol,
    ErrorCode::kPeerAddressFamilyMismatch,
    ErrorCode::kConnectionAlreadyExists,
    ErrorCode::kConnectionTimeoutOrFailure,
    ErrorCode::kAllocationQuotaReached,
    ErrorCode::kServerError,
    ErrorCode::kInsufficientCapacity,
};

TEST(ErrorCode, ANumberThatIsNotRegisteredHasNoPhrase) {
  EXPECT_EQ(ReasonPhrase(static_cast<ErrorCode>(499)), "");
}

TEST(ErrorCode, STUN_20_EachPhraseIsPrintableAsciiOfUnder128Characters) {
  for (const ErrorCode code : kAll) {
    const std::string_view phrase = ReasonPhrase(code);
    EXPECT_FALSE(phrase.empty()) << static_cast<int>(code);
    EXPECT_LT(phrase.size(), 128u) << phrase;
    for (const char character : phrase) EXPECT_TRUE(character >= ' ' && character <= '~') << phrase;
  }
}

TEST(ErrorCode, STUN_20_EachCodeHasAClassOfThreeToSix) {
  for (const ErrorCode code : kAll) {
    EXPECT_GE(static_cast<int>(code), 300);
    EXPECT_LE(static_cast<int>(code), 699);
  }
}

}  // namespace stun::error_code_test
