#include "protocol/base/crypto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/hex.h"

namespace base::crypto_test {

using ::test::FromHex;
using ::testing::Each;

// Digests and codes as RFC 1321, FIPS 180, RFC 2202 and RFC 4231 publish them.

TEST(Crypto, ConstantTimeEqualTellsLengthsApart) {
  const std::array<std::uint8_t, 3> octets = {1, 2, 3};
  EXPECT_FALSE(ConstantTimeEqual(octets, Bytes(octets).first(2)));
  EXPECT_FALSE(ConstantTimeEqual({}, octets));
}

TEST(Crypto, ConstantTimeEqualSeesEachBit) {
  const std::array<std::uint8_t, 3> octets = {1, 2, 3};
  for (std::size_t bit = 0; bit < 24; ++bit) {
    std::array<std::uint8_t, 3> other = octets;
    other[bit / 8] = static_cast<std::uint8_t>(other[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_FALSE(ConstantTimeEqual(octets, other));
  }
  EXPECT_TRUE(ConstantTimeEqual(octets, octets));
}

TEST(Crypto, NothingEqualsNothing) { EXPECT_TRUE(ConstantTimeEqual({}, {})); }

TEST(Crypto, WipedMemoryIsZero) {
  std::array<std::uint8_t, 40> secret;
  secret.fill(0xa5);
  WipeMemory(secret);
  EXPECT_THAT(secret, Each(0));
}

TEST(Crypto, Md5OfNothing) { EXPECT_EQ(HexEncode(Md5({})), "d41d8cd98f00b204e9800998ecf8427e"); }

TEST(Crypto, Md5OfAText) {
  EXPECT_EQ(HexEncode(Md5({AsBytes("abc")})), "900150983cd24fb0d6963f7d28e17f72");
}

TEST(Crypto, Sha256OfNothing) {
  EXPECT_EQ(HexEncode(Sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Crypto, Sha256OfAText) {
  EXPECT_EQ(HexEncode(Sha256({AsBytes("abc")})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Crypto, PiecesCountAsOneText) {
  EXPECT_EQ(Sha256({AsBytes("a"), AsBytes(""), AsBytes("bc")}), Sha256({AsBytes("abc")}));
  EXPECT_EQ(Md5({AsBytes("ab"), Bytes{}, AsBytes("c")}), Md5({AsBytes("abc")}));
  EXPECT_EQ(HmacSha1(AsBytes("k"), {AsBytes("ab"), AsBytes("c")}),
            HmacSha1(AsBytes("k"), {AsBytes("abc")}));
}

TEST(Crypto, HmacSha1WithAShortKey) {
  EXPECT_EQ(HexEncode(HmacSha1(FromHex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
                               {AsBytes("Hi There")})),
            "b617318655057264e28bc0b6fb378c8ef146be00");
  EXPECT_EQ(HexEncode(HmacSha1(AsBytes("Jefe"), {AsBytes("what do ya want for nothing?")})),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

TEST(Crypto, HmacSha1WithAKeyLongerThanABlock) {
  const std::vector<std::uint8_t> key(80, 0xaa);
  EXPECT_EQ(
      HexEncode(HmacSha1(key, {AsBytes("Test Using Larger Than Block-Size Key - Hash Key First")})),
      "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST(Crypto, HmacSha1WithAnEmptyKeyAndText) {
  EXPECT_EQ(HexEncode(HmacSha1({}, {})), "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

TEST(Crypto, HmacSha256WithAShortKey) {
  EXPECT_EQ(HexEncode(HmacSha256(FromHex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
                                 {AsBytes("Hi There")})),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

TEST(Crypto, HmacSha256WithAKeyLongerThanABlock) {
  const std::vector<std::uint8_t> key(131, 0xaa);
  EXPECT_EQ(HexEncode(HmacSha256(
                key, {AsBytes("Test Using Larger Than Block-Size Key - Hash Key First")})),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Crypto, AKeyOfExactlyOneBlockIsNotHashed) {
  const std::vector<std::uint8_t> block(64, 0x41);
  std::vector<std::uint8_t> padded = block;
  padded.push_back(0);
  // A block is used as it is; one octet more is hashed first, so the zero is not mere padding.
  EXPECT_NE(HmacSha1(block, {AsBytes("x")}), HmacSha1(padded, {AsBytes("x")}));
  std::vector<std::uint8_t> almost(63, 0x41);
  std::vector<std::uint8_t> almost_and_zero = almost;
  almost_and_zero.push_back(0);
  EXPECT_EQ(HmacSha1(almost, {AsBytes("x")}), HmacSha1(almost_and_zero, {AsBytes("x")}));
}

TEST(Crypto, AContextStartsAfreshEachTime) {
  const Sha1Digest first = HmacSha1(AsBytes("one"), {AsBytes("text")});
  HmacSha1(AsBytes("two"), {AsBytes("other text")});
  EXPECT_EQ(HmacSha1(AsBytes("one"), {AsBytes("text")}), first);
}

TEST(Crypto, ThreadsDoNotShareAContext) {
  const Sha256Digest expected = HmacSha256(AsBytes("key"), {AsBytes("text")});
  std::vector<std::thread> threads;
  std::array<bool, 4> all_equal{};
  for (bool& equal : all_equal) {
    threads.emplace_back([&equal, &expected] {
      equal = true;
      for (int i = 0; i < 1000; ++i)
        equal = equal && HmacSha256(AsBytes("key"), {AsBytes("text")}) == expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(all_equal, Each(true));
}

}  // namespace base::crypto_test
