#include "server/upgrade/messages.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/seeded_random.h"

namespace relay::messages_test {

UpgradeHello MakeHello() {
  UpgradeHello hello;
  hello.program_version = "1.2.3";
  hello.record_version = 7;
  hello.counter_layout = 0x123456789abcdef0;
  hello.now = base::MonotonicTime(std::chrono::seconds(100));
  hello.nonce_key.octets.fill(9);
  hello.nonce_origin = base::MonotonicTime(std::chrono::seconds(50));
  hello.listeners = 3;
  hello.services = 4;
  return hello;
}

const std::vector<RelayTraffic> kCarried{{{{1, 2}, {3, 4}}}, {{{5, 6}, {7, 8}}}};

template <typename Decode>
void ExpectNothingElse(const std::vector<std::uint8_t>& octets, Decode&& decode) {
  ASSERT_TRUE(decode(octets));
  for (std::size_t bytes = 0; bytes < octets.size(); ++bytes)
    EXPECT_FALSE(decode(base::Bytes(octets).first(bytes))) << bytes;
  auto longer = octets;
  longer.push_back(0);
  EXPECT_FALSE(decode(longer));
}

TEST(UpgradeMessages, OfAFixedLengthAreExactlyThat) {
  ExpectNothingElse(Encode(MakeHello()), DecodeHello);
  ExpectNothingElse(Encode(UpgradeListener{true, *base::Endpoint::Parse("1.2.3.4:5")}),
                    DecodeListener);
  ExpectNothingElse(Encode(UpgradeCounts{1, 2, 3}), DecodeCounts);
  ExpectNothingElse(Encode(UpgradeTraffic{1, kCarried}), DecodeTraffic);
  ExpectNothingElse(EncodeTotals({1, 2, 3}), DecodeTotals);
  ExpectNothingElse(Encode(UpgradeLivePorts{true, {*base::Endpoint::Parse("1.2.3.4:5")}}),
                    DecodeLivePorts);
}

TEST(UpgradeMessages, GarbageIsNone) {
  test_support::SeededRandom random(3);
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::uint8_t> octets(random.Below(200));
    random.Fill(octets);
    EXPECT_FALSE(DecodeHello(octets));
    // These have few rules: it is enough that they are read within their bounds.
    static_cast<void>(DecodeListener(octets));
    static_cast<void>(DecodeAllocationFrame(octets));
    static_cast<void>(DecodeConnectionFrame(octets));
    static_cast<void>(DecodeReservationFrame(octets));
    static_cast<void>(DecodeTraffic(octets));
    static_cast<void>(DecodeTotals(octets));
    static_cast<void>(DecodeText(octets));
  }
}

TEST(UpgradeMessages, AnotherVersionIsReadNoFurther) {
  UpgradeHello hello = MakeHello();
  hello.version = 2;
  auto octets = Encode(hello);
  octets.push_back(1);  // whatever it may have more
  const auto read = DecodeHello(octets);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->version, 2);
  EXPECT_EQ(read->program_version, "1.2.3");
}

TEST(UpgradeMessages, ANumberOfRelaysThatThereIsNotIsRefused) {
  EXPECT_FALSE(DecodeTraffic(Encode(UpgradeTraffic{1, {}})));
  EXPECT_FALSE(DecodeTraffic(Encode(UpgradeTraffic{1, {{}, {}, {}}})));
}

UpgradeConnection MakeConnection() {
  UpgradeConnection connection;
  connection.shard = 3;
  connection.image.client = {{*base::Endpoint::Parse("1.2.3.4:5"),
                              *base::Endpoint::Parse("[fd00::1]:3478"), base::Transport::kTcp},
                             {77}};
  connection.image.had_valid_message = true;
  connection.image.unread = {1, 2, 3};
  connection.image.unsent = {4, 5};
  return connection;
}

TEST(UpgradeMessages, MoreThanAConnectionMayHaveWaitingIsRefused) {
  UpgradeConnection connection = MakeConnection();
  connection.image.unread.resize(ConnectionImage::kMostBytes - 2);
  EXPECT_TRUE(DecodeConnectionFrame(Encode(connection)));
  connection.image.unsent.push_back(0);
  EXPECT_FALSE(DecodeConnectionFrame(Encode(connection)));
  auto octets = Encode(MakeConnection());
  for (std::size_t bytes = 0; bytes + 2 < octets.size(); ++bytes)
    EXPECT_FALSE(DecodeConnectionFrame(base::Bytes(octets).first(bytes))) << bytes;
  // As long as it says, and more than there is.
  octets[octets.size() - 6] = 6;
  EXPECT_FALSE(DecodeConnectionFrame(octets));
}

TEST(UpgradeMessages, AConnectionComesBackAsItWas) {
  const auto read = DecodeConnectionFrame(Encode(MakeConnection()));
  ASSERT_TRUE(read);
  const ConnectionImage expected = MakeConnection().image;
  EXPECT_EQ(read->shard, 3);
  EXPECT_EQ(read->image.client.five_tuple, expected.client.five_tuple);
  EXPECT_EQ(read->image.client.handle, expected.client.handle);
  EXPECT_TRUE(read->image.had_valid_message);
  EXPECT_EQ(read->image.unread, expected.unread);
  EXPECT_EQ(read->image.unsent, expected.unsent);
}

TEST(UpgradeMessages, CountsThatAreNotThereAreRefused) {
  auto octets = EncodeTotals({1});
  octets[0] = 0xff;
  EXPECT_FALSE(DecodeTotals(octets));
}

TEST(UpgradeMessages, TextHasNoControlCharacters) {
  EXPECT_EQ(DecodeText(EncodeText("no room")), "no room");
  EXPECT_FALSE(DecodeText(EncodeText("no\nroom")));
  EXPECT_FALSE(DecodeText(std::vector<std::uint8_t>(kMaxUpgradeText + 1, 'a')));
  EXPECT_EQ(EncodeText(std::string(2 * kMaxUpgradeText, 'a')).size(), kMaxUpgradeText);
}

TEST(UpgradeMessages, ComeBackAsTheyWere) {
  const auto hello = DecodeHello(Encode(MakeHello()));
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->counter_layout, MakeHello().counter_layout);
  EXPECT_EQ(hello->nonce_key.octets, MakeHello().nonce_key.octets);
  EXPECT_EQ(hello->nonce_origin, MakeHello().nonce_origin);
  EXPECT_EQ(hello->services, 4);
  const auto allocation = DecodeAllocationFrame(Encode(UpgradeAllocation{2, 77, kCarried, {1, 2}}));
  ASSERT_TRUE(allocation);
  EXPECT_EQ(allocation->shard, 2);
  EXPECT_EQ(allocation->id, 77u);
  EXPECT_EQ(allocation->carried, kCarried);
  EXPECT_EQ(allocation->record, (std::vector<std::uint8_t>{1, 2}));
  const auto reservation = DecodeReservationFrame(Encode(UpgradeReservation{1, {9}}));
  ASSERT_TRUE(reservation);
  EXPECT_EQ(reservation->record, (std::vector<std::uint8_t>{9}));
  EXPECT_EQ(DecodeTotals(EncodeTotals({1, 2})), (std::vector<std::uint64_t>{1, 2}));
}

}  // namespace relay::messages_test
