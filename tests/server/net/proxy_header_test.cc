#include "server/net/proxy_header.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace relay::proxy_header_test {

using Verdict = ParsedProxyHeader::Verdict;
using Octets = std::vector<std::uint8_t>;

Octets ToOctets(const std::string& text) { return {text.begin(), text.end()}; }

// A version 2 header; `body` is what its length field counts.
Octets V2(std::uint8_t command, std::uint8_t family, const Octets& body) {
  Octets out = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
  out.push_back(command);
  out.push_back(family);
  out.push_back(static_cast<std::uint8_t>(body.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(body.size()));
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

// 192.0.2.1:1000 to 198.51.100.2:443.
const Octets kV4Body = {192, 0, 2, 1, 198, 51, 100, 2, 0x03, 0xe8, 0x01, 0xbb};

Verdict VerdictOf(const std::string& text) { return ParseProxyHeader(ToOctets(text)).verdict; }

TEST(ProxyHeader, WhatIsNoHeaderIsInvalidFromItsFirstWrongOctet) {
  for (const char* text : {"GET / HTTP/1.1\r\n", "proxy TCP4 ", "PROXX", "\x16\x03\x01", "\r\nx",
                           "PROXYTCP4 1.1.1.1 2.2.2.2 1 2\r\n"}) {
    EXPECT_EQ(VerdictOf(text), Verdict::kInvalid) << text;
  }
  EXPECT_EQ(ParseProxyHeader(Octets{0x00, 0x01}).verdict, Verdict::kInvalid);
}

TEST(ProxyHeader, ABrokenVersion1LineIsInvalid) {
  for (const char* line :
       {"PROXY UNKNOWN a\rb\r\n", "PROXY UNKNOWN a\nb\r\n", "PROXY \r\n", "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.1\r\n", "PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n", "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n", "PROXY TCP4 ::1 ::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n", "PROXY TCP4 host 198.51.100.2 1 2\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n", "PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n"}) {
    EXPECT_EQ(VerdictOf(line), Verdict::kInvalid) << line;
  }
}

TEST(ProxyHeader, AVersion1LineWithoutAnEndIsInvalidFromItsGreatestLengthOn) {
  const std::string endless = "PROXY UNKNOWN " + std::string(200, 'x');
  EXPECT_EQ(VerdictOf(endless.substr(0, 106)), Verdict::kNeedMore);
  EXPECT_EQ(VerdictOf(endless.substr(0, 107)), Verdict::kInvalid);
  EXPECT_EQ(VerdictOf(endless + "\r\n"), Verdict::kInvalid);
}

TEST(ProxyHeader, ABrokenVersion2HeaderIsInvalid) {
  EXPECT_EQ(ParseProxyHeader(V2(0x11, 0x11, kV4Body)).verdict, Verdict::kInvalid);  // version 1
  EXPECT_EQ(ParseProxyHeader(V2(0x22, 0x11, kV4Body)).verdict, Verdict::kInvalid);  // command 2
  EXPECT_EQ(ParseProxyHeader(V2(0x21, 0x12, kV4Body)).verdict, Verdict::kInvalid);  // a datagram's
  EXPECT_EQ(ParseProxyHeader(V2(0x21, 0x21, kV4Body)).verdict, Verdict::kInvalid);  // IPv6, short
  EXPECT_EQ(ParseProxyHeader(V2(0x21, 0x11, {192, 0, 2, 1})).verdict, Verdict::kInvalid);
  EXPECT_EQ(ParseProxyHeader(V2(0x21, 0x11, Octets(kMaxProxyHeaderBytes))).verdict,
            Verdict::kInvalid);
}

TEST(ProxyHeader, EveryBeginningOfAHeaderWantsMore) {
  const std::vector<Octets> headers = {ToOctets("PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n"),
                                       ToOctets("PROXY UNKNOWN\r\n"), V2(0x21, 0x11, kV4Body),
                                       V2(0x20, 0x00, {})};
  for (const Octets& header : headers) {
    for (std::size_t bytes = 0; bytes < header.size(); ++bytes) {
      const auto parsed = ParseProxyHeader(base::Bytes(header).first(bytes));
      EXPECT_EQ(parsed.verdict, Verdict::kNeedMore) << bytes;
      EXPECT_GT(parsed.bytes, bytes);
      EXPECT_LE(parsed.bytes, header.size());
    }
    EXPECT_EQ(ParseProxyHeader(header).verdict, Verdict::kComplete);
  }
}

TEST(ProxyHeader, Version1NamesBothEnds) {
  const auto parsed =
      ParseProxyHeader(ToOctets("PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\nwhat follows"));
  ASSERT_EQ(parsed.verdict, Verdict::kComplete);
  EXPECT_EQ(parsed.bytes, 44u);
  EXPECT_EQ(parsed.header.addresses->client.ToString(), "192.0.2.1:1000");
  EXPECT_EQ(parsed.header.addresses->server.ToString(), "198.51.100.2:443");
}

TEST(ProxyHeader, Version1KnowsIpv6) {
  const auto parsed = ParseProxyHeader(ToOctets("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"));
  ASSERT_EQ(parsed.verdict, Verdict::kComplete);
  EXPECT_EQ(parsed.header.addresses->client.ToString(), "[2001:db8::1]:1");
  EXPECT_EQ(parsed.header.addresses->server.ToString(), "[2001:db8::2]:65535");
}

TEST(ProxyHeader, UnknownAndLocalSpeakForTheProxyItself) {
  for (const Octets& header :
       {ToOctets("PROXY UNKNOWN\r\n"), ToOctets("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"),
        V2(0x20, 0x00, {}), V2(0x20, 0x11, kV4Body), V2(0x21, 0x00, {}),
        V2(0x21, 0x31, Octets(216))}) {
    const auto parsed = ParseProxyHeader(header);
    ASSERT_EQ(parsed.verdict, Verdict::kComplete);
    EXPECT_EQ(parsed.bytes, header.size());
    EXPECT_FALSE(parsed.header.addresses.has_value());
  }
}

TEST(ProxyHeader, Version2NamesBothEndsAndItsExtensionsArePassedOver) {
  Octets body = kV4Body;
  const Octets extension = {0x04, 0x00, 0x02, 0xff, 0xff};
  body.insert(body.end(), extension.begin(), extension.end());
  Octets octets = V2(0x21, 0x11, body);
  octets.push_back(0x16);
  const auto parsed = ParseProxyHeader(octets);
  ASSERT_EQ(parsed.verdict, Verdict::kComplete);
  EXPECT_EQ(parsed.bytes, octets.size() - 1);
  EXPECT_EQ(parsed.header.addresses->client.ToString(), "192.0.2.1:1000");
  EXPECT_EQ(parsed.header.addresses->server.ToString(), "198.51.100.2:443");
}

TEST(ProxyHeader, Version2KnowsIpv6AndAMappedAddressIsIpv4) {
  Octets body(36);
  body[10] = body[11] = 0xff;  // ::ffff:192.0.2.7
  body[12] = 192, body[14] = 2, body[15] = 7;
  body[31] = 1;  // ::1
  body[33] = 9, body[35] = 8;
  const auto parsed = ParseProxyHeader(V2(0x21, 0x21, body));
  ASSERT_EQ(parsed.verdict, Verdict::kComplete);
  EXPECT_EQ(parsed.header.addresses->client.ToString(), "192.0.2.7:9");
  EXPECT_EQ(parsed.header.addresses->server.ToString(), "[::1]:8");
}

TEST(ProxyHeader, BeforeADatagramThereIsOnlyVersion2AndAllOfIt) {
  const Octets header = V2(0x21, 0x12, kV4Body);
  EXPECT_EQ(ParseDatagramProxyHeader(header).verdict, Verdict::kComplete);
  EXPECT_EQ(ParseDatagramProxyHeader(base::Bytes(header).first(header.size() - 1)).verdict,
            Verdict::kInvalid);
  EXPECT_EQ(ParseDatagramProxyHeader({}).verdict, Verdict::kInvalid);
  EXPECT_EQ(ParseDatagramProxyHeader(V2(0x21, 0x11, kV4Body)).verdict, Verdict::kInvalid);
  EXPECT_EQ(ParseDatagramProxyHeader(ToOctets("PROXY UNKNOWN\r\nsome payload")).verdict,
            Verdict::kInvalid);
}

}  // namespace relay::proxy_header_test
