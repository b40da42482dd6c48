#include "protocol/base/aead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "protocol/base/crypto.h"
#include "tests/support/hex.h"

namespace base::aead_test {

using ::test::FromHex;
using ::testing::Each;

AesGcmNonce NonceFromHex(std::string_view hex) {
  const auto octets = FromHex(hex);
  AesGcmNonce nonce{};
  std::copy_n(octets.begin(), nonce.size(), nonce.begin());
  return nonce;
}

std::vector<std::uint8_t> Sealed(Bytes key, const AesGcmNonce& nonce, Bytes associated_data,
                                 Bytes plaintext) {
  std::vector<std::uint8_t> sealed(plaintext.size() + kAesGcmTagBytes);
  SealAesGcm(key, nonce, associated_data, plaintext, sealed);
  return sealed;
}

// Test cases 3, 4, 15 and 16 of the paper that defines GCM (McGrew and Viega), and its empty ones.
constexpr std::string_view kKey128 = "feffe9928665731c6d6a8f9467308308";
constexpr std::string_view kKey256 =
    "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
constexpr std::string_view kNonce = "cafebabefacedbaddecaf888";
constexpr std::string_view kAssociatedData = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
constexpr std::string_view kPlaintext =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b5"
    "25b16aedf5aa0de657ba637b39";
constexpr std::string_view kSealed128 =
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa"
    "051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47";
constexpr std::string_view kSealed256 =
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10568288"
    "38"
    "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b";

struct Opened {
  bool is_authentic = false;
  std::vector<std::uint8_t> plaintext;
};

Opened Open(Bytes key, const AesGcmNonce& nonce, Bytes associated_data, Bytes sealed) {
  Opened opened;
  opened.plaintext.assign(sealed.size() - kAesGcmTagBytes, 0xa5);
  opened.is_authentic = OpenAesGcm(key, nonce, associated_data, sealed, opened.plaintext);
  return opened;
}

TEST(Aead, LessThanATagIsNothing) {
  const std::vector<std::uint8_t> sealed = Sealed(FromHex(kKey256), NonceFromHex(kNonce), {}, {});
  for (std::size_t length = 0; length < kAesGcmTagBytes; ++length) {
    EXPECT_FALSE(
        OpenAesGcm(FromHex(kKey256), NonceFromHex(kNonce), {}, Bytes(sealed).first(length), {}));
  }
}

TEST(Aead, EachBitCounts) {
  const auto key = FromHex(kKey256);
  const auto sealed = FromHex(kSealed256);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    auto damaged = sealed;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    const Opened opened = Open(key, NonceFromHex(kNonce), FromHex(kAssociatedData), damaged);
    EXPECT_FALSE(opened.is_authentic) << bit;
    EXPECT_THAT(opened.plaintext, Each(0)) << "nothing of a forgery comes out, bit " << bit;
  }
}

TEST(Aead, AnotherKeyNonceOrAssociatedDataIsRefused) {
  const auto sealed = FromHex(kSealed256);
  const auto key = FromHex(kKey256);
  auto other_key = key;
  other_key[31] ^= 1;
  auto other_nonce = NonceFromHex(kNonce);
  other_nonce[11] ^= 1;
  auto other_data = FromHex(kAssociatedData);
  other_data[0] ^= 0x80;
  EXPECT_FALSE(
      Open(other_key, NonceFromHex(kNonce), FromHex(kAssociatedData), sealed).is_authentic);
  EXPECT_FALSE(Open(key, other_nonce, FromHex(kAssociatedData), sealed).is_authentic);
  EXPECT_FALSE(Open(key, NonceFromHex(kNonce), other_data, sealed).is_authentic);
  EXPECT_FALSE(Open(key, NonceFromHex(kNonce), {}, sealed).is_authentic);
  EXPECT_FALSE(
      Open(FromHex(kKey128), NonceFromHex(kNonce), FromHex(kAssociatedData), sealed).is_authentic);
}

TEST(Aead, PublishedVectors) {
  EXPECT_EQ(HexEncode(Sealed(FromHex(kKey128), NonceFromHex(kNonce), FromHex(kAssociatedData),
                             FromHex(kPlaintext))),
            kSealed128);
  EXPECT_EQ(HexEncode(Sealed(FromHex(kKey256), NonceFromHex(kNonce), FromHex(kAssociatedData),
                             FromHex(kPlaintext))),
            kSealed256);
  for (const auto& [key, sealed] : {std::pair{kKey128, kSealed128}, {kKey256, kSealed256}}) {
    const Opened opened =
        Open(FromHex(key), NonceFromHex(kNonce), FromHex(kAssociatedData), FromHex(sealed));
    EXPECT_TRUE(opened.is_authentic);
    EXPECT_EQ(HexEncode(opened.plaintext), kPlaintext);
  }
}

TEST(Aead, NothingCanBeSealed) {
  const std::vector<std::uint8_t> zeros(32, 0);
  const AesGcmNonce nonce{};
  EXPECT_EQ(HexEncode(Sealed(Bytes(zeros).first(16), nonce, {}, {})),
            "58e2fccefa7e3061367f1d57a4e7455a");
  EXPECT_EQ(HexEncode(Sealed(zeros, nonce, {}, {})), "530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_TRUE(Open(zeros, nonce, {}, FromHex("530f8afbc74536b9a963b4f1c4cb738b")).is_authentic);
  EXPECT_TRUE(
      OpenAesGcm(zeros, nonce, AsBytes("text"), Sealed(zeros, nonce, AsBytes("text"), {}), {}));
}

TEST(Aead, WorksInPlace) {
  std::vector<std::uint8_t> bytes = FromHex(kPlaintext);
  const std::size_t length = bytes.size();
  bytes.resize(length + kAesGcmTagBytes);
  SealAesGcm(FromHex(kKey128), NonceFromHex(kNonce), FromHex(kAssociatedData),
             Bytes(bytes).first(length), bytes);
  EXPECT_EQ(HexEncode(bytes), kSealed128);
  EXPECT_TRUE(OpenAesGcm(FromHex(kKey128), NonceFromHex(kNonce), FromHex(kAssociatedData), bytes,
                         MutableBytes(bytes).first(length)));
  EXPECT_EQ(HexEncode(Bytes(bytes).first(length)), kPlaintext);
}

TEST(Aead, ThreadsDoNotShareAContext) {
  const auto key = FromHex(kKey256);
  const auto plaintext = FromHex(kPlaintext);
  std::vector<std::thread> threads;
  std::array<bool, 4> all_equal{};
  for (bool& equal : all_equal) {
    threads.emplace_back([&] {
      equal = true;
      for (int i = 0; i < 1000; ++i) {
        equal = equal && HexEncode(Sealed(key, NonceFromHex(kNonce), FromHex(kAssociatedData),
                                          plaintext)) == kSealed256;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(all_equal, Each(true));
}

}  // namespace base::aead_test
