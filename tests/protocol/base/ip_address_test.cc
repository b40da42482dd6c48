#include "protocol/base/ip_address.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

namespace base::ip_address_test {

std::string Canonical(std::string_view text) {
  const std::optional<IpAddress> address = IpAddress::Parse(text);
  return address ? address->ToString() : "not an address";
}

IpAddress Address(std::string_view text) { return IpAddress::Parse(text).value_or(IpAddress()); }

TEST(IpAddress, WhatIsNotAnAddressIsRefused) {
  for (const std::string_view text : {"",
                                      " ",
                                      "1",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "256.0.0.1",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "01.2.3.4",
                                      "1.2.3.4/32",
                                      "1.2.3.4:5",
                                      "0x7f.0.0.1",
                                      "2130706433",
                                      "localhost",
                                      ":",
                                      ":::",
                                      "1::2::3",
                                      "fe80::1%eth0",
                                      "[::1]",
                                      "12345::",
                                      "::ffff:1.2.3",
                                      "1:2:3:4:5:6:7:8:9"}) {
    EXPECT_EQ(IpAddress::Parse(text), std::nullopt) << text;
  }
}

TEST(IpAddress, AZeroOctetDoesNotEndTheText) {
  EXPECT_EQ(IpAddress::Parse(std::string_view("192.0.2.1\0", 10)), std::nullopt);
  EXPECT_EQ(IpAddress::Parse(std::string_view("::1\0junk", 8)), std::nullopt);
}

TEST(IpAddress, AVeryLongTextIsRefused) {
  EXPECT_EQ(IpAddress::Parse(std::string(100'000, '1')), std::nullopt);
}

TEST(IpAddress, OnlyTheGivenCharactersAreRead) {
  EXPECT_EQ(Canonical(std::string_view("192.0.2.123").substr(0, 9)), "192.0.2.1");
}

TEST(IpAddress, TheLongestSpellingIsRead) {
  EXPECT_EQ(Canonical("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"),
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

TEST(IpAddress, IsWrittenInItsShortestForm) {
  EXPECT_EQ(Canonical("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(Canonical("2001:0DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(Canonical("::"), "::");
}

TEST(IpAddress, AnIpv4MappedAddressIsTheIpv4Address) {
  EXPECT_EQ(Canonical("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(Address("::ffff:c000:201"), IpAddress::FromV4({192, 0, 2, 1}));
  EXPECT_EQ(Address("::ffff:192.0.2.1").family(), AddressFamily::kIpv4);
}

TEST(IpAddress, OtherAddressesThatCarryAnIpv4AddressStayIpv6) {
  for (const std::string_view text :
       {"::192.0.2.1", "64:ff9b::192.0.2.1", "2002:c000:201::", "::fffe:1.2.3.4"}) {
    EXPECT_EQ(Address(text).family(), AddressFamily::kIpv6) << text;
  }
}

TEST(IpAddress, TheUnspecifiedAddressIsKnownInBothFamilies) {
  EXPECT_TRUE(Address("0.0.0.0").is_unspecified());
  EXPECT_TRUE(Address("::ffff:0.0.0.0").is_unspecified());
  EXPECT_TRUE(IpAddress().is_unspecified());
  EXPECT_FALSE(Address("0.0.0.1").is_unspecified());
  EXPECT_FALSE(Address("::1").is_unspecified());
  EXPECT_NE(Address("0.0.0.0"), IpAddress());
}

TEST(IpAddress, GivesBackItsOctets) {
  EXPECT_EQ(Address("192.0.2.1").v4_octets(), (std::array<std::uint8_t, 4>{192, 0, 2, 1}));
  EXPECT_EQ(Address("::1").octets()[15], 1);
}

TEST(IpAddress, HashesDifferInEachOctet) {
  std::unordered_set<std::size_t> hashes;
  for (std::size_t i = 0; i < 16; ++i) {
    std::array<std::uint8_t, 16> octets{};
    octets[i] = 1;
    hashes.insert(IpAddressHash()(IpAddress::FromV6(octets)));
  }
  EXPECT_EQ(hashes.size(), 16u);
}

TEST(Endpoint, WhatIsNotATransportAddressIsRefused) {
  for (const std::string_view text : {"",
                                      ":",
                                      "192.0.2.1",
                                      "192.0.2.1:",
                                      ":3478",
                                      "192.0.2.1:65536",
                                      "192.0.2.1:-1",
                                      "192.0.2.1:+1",
                                      "192.0.2.1: 1",
                                      "192.0.2.1:1 ",
                                      "192.0.2.1:000001",
                                      "192.0.2.1:99999999999999999999",
                                      "[192.0.2.1]:80",
                                      "::1:80",
                                      "2001:db8::1",
                                      "[2001:db8::1]",
                                      "[2001:db8::1]80",
                                      "[2001:db8::1",
                                      "2001:db8::1]:80",
                                      "[]:80",
                                      "[[::1]]:80",
                                      "[::1]:0x50",
                                      "a:80"}) {
    EXPECT_EQ(Endpoint::Parse(text), std::nullopt) << text;
  }
}

TEST(Endpoint, IsReadAsItIsWritten) {
  for (const std::string_view text : {"192.0.2.1:3478", "0.0.0.0:0", "255.255.255.255:65535",
                                      "[2001:db8::1]:3478", "[::]:0", "[::1]:65535"}) {
    const std::optional<Endpoint> endpoint = Endpoint::Parse(text);
    ASSERT_TRUE(endpoint.has_value()) << text;
    EXPECT_EQ(endpoint->ToString(), text);
  }
}

TEST(Endpoint, ThePortIsInHostOrder) { EXPECT_EQ(Endpoint::Parse("[::1]:3478")->port, 3478); }

TEST(Endpoint, PortsOfOneAddressDiffer) {
  const Endpoint left{Address("192.0.2.1"), 1};
  const Endpoint right{Address("192.0.2.1"), 2};
  EXPECT_NE(left, right);
  EXPECT_NE(EndpointHash()(left), EndpointHash()(right));
}

TEST(IpPrefix, WhatIsNotABlockIsRefused) {
  for (const std::string_view text :
       {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10/8",
        "fd00::/129", "fd00::/ 8", "10.0.0.0/255.0.0.0", "host/8", "10.0.0.0/0x8"}) {
    EXPECT_EQ(IpPrefix::Parse(text), std::nullopt) << text;
  }
}

TEST(IpPrefixDeathTest, MoreBitsThanAnAddressHasAbort) {
  EXPECT_DEATH(IpPrefix(IpAddress(), 129), "CHECK failed");
  EXPECT_DEATH(IpPrefix(IpAddress(), -1), "CHECK failed");
}

TEST(IpPrefix, EndsWhereItsBitsEnd) {
  const IpPrefix prefix = *IpPrefix::Parse("172.16.0.0/12");
  EXPECT_FALSE(prefix.Contains(Address("172.15.255.255")));
  EXPECT_TRUE(prefix.Contains(Address("172.16.0.0")));
  EXPECT_TRUE(prefix.Contains(Address("172.31.255.255")));
  EXPECT_FALSE(prefix.Contains(Address("172.32.0.0")));
}

TEST(IpPrefix, EndsWhereItsBitsEndInIpv6) {
  const IpPrefix prefix = *IpPrefix::Parse("fe80::/10");
  EXPECT_FALSE(prefix.Contains(Address("fe7f:ffff::")));
  EXPECT_TRUE(prefix.Contains(Address("febf:ffff::1")));
  EXPECT_FALSE(prefix.Contains(Address("fec0::")));
}

TEST(IpPrefix, EachLengthHoldsExactlyTheAddressesThatShareItsBits) {
  const IpAddress address = Address("a55a:a55a:a55a:a55a:a55a:a55a:a55a:a55a");
  for (int bits = 0; bits <= 128; ++bits) {
    const IpPrefix prefix(address, bits);
    EXPECT_TRUE(prefix.Contains(address)) << bits;
    for (int flipped = 0; flipped < 128; ++flipped) {
      std::array<std::uint8_t, 16> octets = address.octets();
      const auto byte = static_cast<std::size_t>(flipped / 8);
      octets[byte] = static_cast<std::uint8_t>(octets[byte] ^ (0x80 >> (flipped % 8)));
      EXPECT_EQ(prefix.Contains(IpAddress::FromV6(octets)), flipped >= bits)
          << bits << " " << flipped;
    }
  }
}

TEST(IpPrefix, AnIpv4BlockHoldsNoIpv6Address) {
  EXPECT_FALSE(IpPrefix::Parse("0.0.0.0/0")->Contains(Address("::1")));
  EXPECT_FALSE(IpPrefix::Parse("127.0.0.0/8")->Contains(Address("::127.0.0.1")));
}

TEST(IpPrefix, AnIpv4BlockHoldsTheMappedSpelling) {
  EXPECT_TRUE(IpPrefix::Parse("127.0.0.0/8")->Contains(Address("::ffff:127.0.0.1")));
  EXPECT_EQ(IpPrefix::Parse("::ffff:127.0.0.0/104"), IpPrefix::Parse("127.0.0.0/8"));
}

TEST(IpPrefix, TheWholeIpv6SpaceHoldsIpv4AsWell) {
  EXPECT_TRUE(IpPrefix::Parse("::/0")->Contains(Address("192.0.2.1")));
}

TEST(IpPrefix, HostBitsAreCleared) {
  EXPECT_EQ(IpPrefix::Parse("10.1.2.3/8")->ToString(), "10.0.0.0/8");
  EXPECT_EQ(IpPrefix::Parse("2001:db8::1/33")->ToString(), "2001:db8::/33");
}

TEST(IpPrefix, ASingleAddressIsABlockOfOne) {
  const IpPrefix prefix = *IpPrefix::Parse("192.0.2.1");
  EXPECT_TRUE(prefix.Contains(Address("192.0.2.1")));
  EXPECT_FALSE(prefix.Contains(Address("192.0.2.0")));
  EXPECT_EQ(prefix.ToString(), "192.0.2.1/32");
  EXPECT_EQ(IpPrefix::Parse("::1")->ToString(), "::1/128");
}

TEST(IpPrefix, ABlockThatIsWiderThanIpv4IsWrittenInIpv6) {
  EXPECT_EQ(IpPrefix::Parse("::/0")->ToString(), "::/0");
  EXPECT_EQ(IpPrefix::Parse("0.0.0.0/0")->ToString(), "0.0.0.0/0");
  EXPECT_EQ(IpPrefix::Parse("::ffff:0:0/95")->ToString(), "::fffe:0:0/95");
}

}  // namespace base::ip_address_test
