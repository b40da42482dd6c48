#include "server/tls/dtls_records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace relay::dtls_records_test {

using Octets = std::vector<std::uint8_t>;
using Phase = DtlsRecordFilter::Phase;

constexpr std::size_t kMinEncrypted = 24;
constexpr std::uint8_t kChangeCipherSpec = 20;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kData = 23;

Octets Record(std::uint8_t type, std::uint8_t epoch, const Octets& content) {
  const auto size = static_cast<std::uint16_t>(content.size());
  Octets out = {type,
                0xfe,
                0xfd,
                0,
                epoch,
                0,
                0,
                0,
                0,
                0,
                1,
                static_cast<std::uint8_t>(size >> 8),
                static_cast<std::uint8_t>(size)};
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

// A fragment in the clear: of a message of so many octets, with this number, as long as `present`.
Octets Fragment(std::uint16_t message_bytes, std::uint8_t number, std::uint8_t present,
                std::uint8_t claimed) {
  Octets out = {16,
                0,
                static_cast<std::uint8_t>(message_bytes >> 8),
                static_cast<std::uint8_t>(message_bytes),
                0,
                number,
                0,
                0,
                0,
                0,
                0,
                claimed};
  out.resize(out.size() + present, 0x55);
  return out;
}

Octets Fragment(std::uint16_t message_bytes, std::uint8_t number) {
  return Fragment(message_bytes, number, 10, 10);
}

class DtlsRecordFilterTest : public testing::Test {
 protected:
  std::size_t Admitted(const Octets& datagram, Phase phase = Phase::kBeforeKeys) {
    return filter_.Admit(datagram, phase, kMinEncrypted).size();
  }
  bool Passes(const Octets& datagram, Phase phase = Phase::kBeforeKeys) {
    return Admitted(datagram, phase) == datagram.size();
  }

  DtlsRecordFilter filter_;
};

TEST_F(DtlsRecordFilterTest, WhatIsCutOffOrNoRecordIsLeftOut) {
  const Octets whole = Record(kHandshake, 0, Fragment(66, 2));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(Admitted({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}), 0u);
  }
  Octets followed = whole;
  followed.resize(whole.size() + 5);
  EXPECT_EQ(Admitted(followed), whole.size());
}

TEST_F(DtlsRecordFilterTest, AnEncryptedRecordThatIsTooShortIsLeftOut) {
  EXPECT_FALSE(Passes(Record(kData, 1, Octets(kMinEncrypted - 1)), Phase::kOpen));
  EXPECT_TRUE(Passes(Record(kData, 1, Octets(kMinEncrypted)), Phase::kOpen));
}

TEST_F(DtlsRecordFilterTest, B72_MessagesThatNoClientSendsAreNotKeptForLater) {
  EXPECT_TRUE(Passes(Record(kHandshake, 0, Fragment(4096, 3))));
  EXPECT_FALSE(Passes(Record(kHandshake, 0, Fragment(4097, 2))));
  EXPECT_FALSE(Passes(Record(kHandshake, 0, Fragment(66, 4))));
  EXPECT_FALSE(Passes(Record(kHandshake, 0, Fragment(66, 2, 10, 11))));
  EXPECT_FALSE(Passes(Record(kHandshake, 0, Octets(11))));
}

TEST_F(DtlsRecordFilterTest, EveryMessageOfARecordIsLookedAt) {
  Octets two = Fragment(66, 2);
  const Octets second = Fragment(60000, 3);
  two.insert(two.end(), second.begin(), second.end());
  EXPECT_EQ(Admitted(Record(kHandshake, 0, two)), 0u);
}

TEST_F(DtlsRecordFilterTest, RecordsInFrontOfABadOnePass) {
  Octets datagram = Record(kHandshake, 0, Fragment(66, 2));
  const std::size_t good = datagram.size();
  const Octets bad = Record(kHandshake, 0, Fragment(66, 9));
  datagram.insert(datagram.end(), bad.begin(), bad.end());
  EXPECT_EQ(Admitted(datagram), good);
}

TEST_F(DtlsRecordFilterTest, EncryptedRecordsThatComeTooEarlyAreFew) {
  const Octets early = Record(kHandshake, 1, Octets(40));
  int passed = 0;
  for (int i = 0; i < 100; ++i) passed += Passes(early) ? 1 : 0;
  EXPECT_EQ(passed, 4);
  // The flight once more, in order: its Finished is wanted as soon as the keys are there.
  EXPECT_TRUE(Passes(Record(kChangeCipherSpec, 0, {1})));
  EXPECT_TRUE(Passes(early, Phase::kBeforeFinished));
}

TEST_F(DtlsRecordFilterTest, HandshakeMessagesInAnOpenAssociationAreFewAndDataIsNot) {
  int passed = 0;
  for (int i = 0; i < 100; ++i) {
    passed += Passes(Record(kHandshake, 1, Octets(40)), Phase::kOpen) ? 1 : 0;
    EXPECT_TRUE(Passes(Record(kData, 1, Octets(40)), Phase::kOpen));
  }
  EXPECT_EQ(passed, 4);
}

}  // namespace relay::dtls_records_test
