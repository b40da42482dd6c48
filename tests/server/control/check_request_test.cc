#include "server/control/check_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay::check_request_test {

using testing::IsEmpty;

constexpr std::string_view kChrome =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
    "Safari/537.36";

HttpRequest With(HttpHeaders headers) {
  return {"POST", "/check/session", std::move(headers), {}, {}};
}

TEST(CheckRequest, AHostThatIsNoneIsRefused) {
  EXPECT_FALSE(HostOf(With({})));
  for (const std::string& host :
       {std::string(), std::string(":443"), std::string("a/b"), std::string("a b"),
        std::string("a\"b"), std::string("user@a"), std::string("a#b"), std::string(256, 'a')})
    EXPECT_FALSE(HostOf(With({{"Host", host}}))) << host;
}

TEST(CheckRequest, TheHostIsApartFromItsPort) {
  const auto name_of = [](const char* host) { return HostOf(With({{"Host", host}}))->name; };
  EXPECT_EQ(name_of("turn.example.org"), "turn.example.org");
  EXPECT_EQ(name_of("turn.example.org:8443"), "turn.example.org");
  EXPECT_EQ(name_of("[2001:db8::1]"), "[2001:db8::1]");
  EXPECT_EQ(name_of("[2001:db8::1]:8443"), "[2001:db8::1]");
  EXPECT_EQ(HostOf(With({{"Host", "turn.example.org:8443"}}))->authority, "turn.example.org:8443");
}

TEST(CheckRequest, OtherSitesAndUnknownOnesAreNotTheOwnPage) {
  const auto is_own = [](HttpHeaders headers) {
    headers.emplace_back("Host", "turn.example.org");
    return IsFromOwnPage(With(std::move(headers)));
  };
  EXPECT_FALSE(is_own({}));
  EXPECT_FALSE(is_own({{"Sec-Fetch-Site", "cross-site"}}));
  EXPECT_FALSE(is_own({{"Sec-Fetch-Site", "same-site"}}));
  EXPECT_FALSE(is_own({{"Sec-Fetch-Site", "none"}}));
  EXPECT_FALSE(is_own({{"Origin", "https://evil.example"}}));
  EXPECT_FALSE(is_own({{"Origin", "null"}}));
  EXPECT_FALSE(is_own({{"Origin", "http://turn.example.org"}}));
  EXPECT_FALSE(is_own({{"Origin", "https://turn.example.org:8443"}}));
  EXPECT_FALSE(is_own({{"Sec-Fetch-Site", "same-origin"}, {"Origin", "https://evil.example"}}));
  EXPECT_FALSE(is_own({{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://turn.example.org"}}));
  EXPECT_TRUE(is_own({{"Sec-Fetch-Site", "same-origin"}}));
  EXPECT_TRUE(is_own({{"Origin", "https://turn.example.org"}}));
  EXPECT_FALSE(IsFromOwnPage(With({{"Origin", "https://"}})));
}

TEST(CheckRequest, AProxyIsNamedInPrintableText) {
  EXPECT_THAT(FindProxyTraces(With({{"Host", "a"}, {"User-Agent", "b"}})), IsEmpty());
  const auto traces = FindProxyTraces(With(
      {{"via", "1.1 gate\x01\xff (Strict Proxy)"}, {"X-Forwarded-For", std::string(500, '1')}}));
  ASSERT_EQ(traces.size(), 2U);
  EXPECT_EQ(traces[0].name, "Via");
  EXPECT_EQ(traces[0].value, "1.1 gate?? (Strict Proxy)");
  EXPECT_EQ(traces[1].value.size(), 120U);
}

TEST(CheckRequest, ABrowserIsKnownByItsClientHello) {
  const auto judge = [](std::string_view browser, std::optional<bool> grease) {
    HttpRequest request = With({{"User-Agent", std::string(browser)}});
    request.has_tls_grease = grease;
    return JudgeTlsClient(request);
  };
  EXPECT_EQ(judge(kChrome, true), TlsClient::kAsNamed);
  EXPECT_EQ(judge(kChrome, false), TlsClient::kSomeElse);
  EXPECT_EQ(judge(kChrome, std::nullopt), TlsClient::kUnknown) << "TLS ended in front";
  EXPECT_EQ(judge("Mozilla/5.0 (X11; rv:128.0) Gecko/20100101 Firefox/128.0", false),
            TlsClient::kUnknown);
  EXPECT_EQ(JudgeTlsClient(With({})), TlsClient::kUnknown);
}

}  // namespace relay::check_request_test
