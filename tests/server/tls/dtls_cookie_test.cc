#include "server/tls/dtls_cookie.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/server/tls/dtls_client.h"
#include "tests/support/seeded_random.h"

namespace relay::dtls_cookie_test {

using std::chrono::seconds;
using test_support::At;

class DtlsCookieTest : public testing::Test {
 protected:
  bool Verify(base::Bytes cookie, const base::Endpoint& client, const base::Endpoint& server,
              seconds after = seconds(0)) const {
    return cookies_.Verify(cookie, client, server, now_ + after);
  }

  test_support::SeededRandom random_{1};
  DtlsCookies cookies_{random_};
  base::Endpoint client_ = At("192.0.2.1:1000");
  base::Endpoint server_ = At("[2001:db8::1]:5349");
  base::MonotonicTime now_{std::chrono::minutes(70)};  // a minute begins
  DtlsCookies::Cookie cookie_ = cookies_.Make(client_, server_, now_);
};

TEST_F(DtlsCookieTest, OfAnotherAddressIsRefused) {
  EXPECT_FALSE(Verify(cookie_, At("192.0.2.2:1000"), server_));
  EXPECT_FALSE(Verify(cookie_, At("192.0.2.1:1001"), server_));
  EXPECT_FALSE(Verify(cookie_, client_, At("[2001:db8::2]:5349")));
  EXPECT_FALSE(Verify(cookie_, client_, At("[2001:db8::1]:5350")));
  EXPECT_FALSE(Verify(cookie_, server_, client_));
}

TEST_F(DtlsCookieTest, OfAnotherLengthIsRefused) {
  std::vector<std::uint8_t> longer(cookie_.begin(), cookie_.end());
  longer.push_back(0);
  EXPECT_FALSE(Verify(longer, client_, server_));
  EXPECT_FALSE(Verify(base::Bytes(cookie_).first(19), client_, server_));
  EXPECT_FALSE(Verify({}, client_, server_));
}

TEST_F(DtlsCookieTest, WithAnyBitChangedIsRefused) {
  for (std::size_t bit = 0; bit < cookie_.size() * 8; ++bit) {
    DtlsCookies::Cookie other = cookie_;
    other[bit / 8] = static_cast<std::uint8_t>(other[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_FALSE(Verify(other, client_, server_));
  }
}

TEST_F(DtlsCookieTest, OfAnotherProcessIsRefused) {
  EXPECT_FALSE(DtlsCookies(random_).Verify(cookie_, client_, server_, now_));
}

TEST_F(DtlsCookieTest, LastsThroughTheNextMinuteAndNoLonger) {
  EXPECT_TRUE(Verify(cookie_, client_, server_));
  EXPECT_TRUE(Verify(cookie_, client_, server_, seconds(119)));
  EXPECT_FALSE(Verify(cookie_, client_, server_, seconds(120)));
  EXPECT_FALSE(Verify(cookie_, client_, server_, seconds(-1)));
}

}  // namespace relay::dtls_cookie_test
