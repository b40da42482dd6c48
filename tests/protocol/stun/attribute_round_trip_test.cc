#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "protocol/stun/attribute_type.h"
#include "protocol/stun/attributes.h"
#include "protocol/stun/fingerprint.h"
#include "protocol/stun/integrity.h"
#include "protocol/stun/message_view.h"
#include "protocol/stun/message_writer.h"
#include "tests/support/hex.h"

namespace stun::attribute_round_trip_test {

using ::test::FromHex;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

constexpr TransactionId kId = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
constexpr MessageType kType = {Method::kAllocate, MessageClass::kRequest};

base::Endpoint Ipv4() { return *base::Endpoint::Parse("192.0.2.1:32853"); }
base::Endpoint Ipv6() { return *base::Endpoint::Parse("[2001:db8::1]:32853"); }

// One way to write an attribute and what must come back.
struct RoundTrip {
  std::function<void(MessageWriter&, AttributeType)> write;
  std::function<void(const MessageView&, const Attribute&)> check;
};

RoundTrip Octets(std::string_view hex) {
  return {[hex](MessageWriter& writer, AttributeType type) { writer.AddBytes(type, FromHex(hex)); },
          [hex](const MessageView&, const Attribute& attribute) {
            EXPECT_THAT(attribute.value, ElementsAreArray(FromHex(hex)));
          }};
}

RoundTrip Text(std::string_view text) {
  return {[text](MessageWriter& writer, AttributeType type) { writer.AddText(type, text); },
          [text](const MessageView&, const Attribute& attribute) {
            EXPECT_EQ(base::AsText(attribute.value), text);
          }};
}

RoundTrip Empty() {
  return {
      [](MessageWriter& writer, AttributeType type) { writer.AddEmpty(type); },
      [](const MessageView&, const Attribute& attribute) { EXPECT_TRUE(attribute.value.empty()); }};
}

RoundTrip Number(std::uint32_t number) {
  return {[number](MessageWriter& writer, AttributeType type) { writer.AddU32(type, number); },
          [number](const MessageView&, const Attribute& attribute) {
            EXPECT_EQ(DecodeU32(attribute.value), number);
          }};
}

RoundTrip Address(const base::Endpoint& endpoint) {
  return {
      [endpoint](MessageWriter& writer, AttributeType type) { writer.AddAddress(type, endpoint); },
      [endpoint](const MessageView&, const Attribute& attribute) {
        const std::optional<AddressValue> decoded = DecodeAddress(attribute.value);
        ASSERT_TRUE(decoded.has_value());
        EXPECT_EQ(decoded->endpoint, endpoint);
        EXPECT_EQ(decoded->wire_family, endpoint.address.family());
      }};
}

RoundTrip XorAddress(const base::Endpoint& endpoint) {
  return {[endpoint](MessageWriter& writer, AttributeType type) {
            writer.AddXorAddress(type, endpoint);
          },
          [endpoint](const MessageView& message, const Attribute& attribute) {
            const std::optional<AddressValue> decoded =
                DecodeXorAddress(attribute.value, message.cookie_and_transaction_id());
            ASSERT_TRUE(decoded.has_value());
            EXPECT_EQ(decoded->endpoint, endpoint);
            EXPECT_EQ(decoded->wire_family, endpoint.address.family());
          }};
}

RoundTrip Family(std::uint8_t family) {
  return {[family](MessageWriter& writer, AttributeType type) {
            writer.AddU32(type, std::uint32_t{family} << 24);
          },
          [family](const MessageView&, const Attribute& attribute) {
            EXPECT_EQ(DecodeRequestedFamily(attribute.value), family);
          }};
}

std::multimap<AttributeType, RoundTrip> RoundTrips() {
  using enum AttributeType;
  std::multimap<AttributeType, RoundTrip> all;
  for (const AttributeType type :
       {kMappedAddress, kResponseAddress, kSourceAddress, kChangedAddress, kReflectedFrom,
        kAlternateServer, kResponseOrigin, kOtherAddress}) {
    all.emplace(type, Address(Ipv4()));
    all.emplace(type, Address(Ipv6()));
  }
  for (const AttributeType type : {kXorPeerAddress, kXorRelayedAddress, kXorMappedAddress}) {
    all.emplace(type, XorAddress(Ipv4()));
    all.emplace(type, XorAddress(Ipv6()));
  }
  for (const AttributeType type : {kUsername, kPassword, kRealm, kNonce, kSoftware,
                                   kAlternateDomain, kThirdPartyAuthorization}) {
    for (const std::string_view text : {"", "a", "ab", "abc", "abcd", "abcde"})
      all.emplace(type, Text(text));
  }
  for (const AttributeType type :
       {kChangeRequest, kLifetime, kPriority, kConnectionId, kTransactionTransmitCounter}) {
    for (const std::uint32_t number : {0u, 6u, 0x01020304u, 0xffffffffu})
      all.emplace(type, Number(number));
  }
  for (const AttributeType type : {kData, kAccessToken, kPadding, kMobilityTicket}) {
    for (const std::string_view hex : {"", "00", "ffff", "010203", "0102030405060708"})
      all.emplace(type, Octets(hex));
  }
  for (const AttributeType type : {kIceControlled, kIceControlling})
    all.emplace(type, Octets("932ff9b151263b36"));
  for (const AttributeType type : {kDontFragment, kUseCandidate}) all.emplace(type, Empty());
  for (const AttributeType type : {kRequestedAddressFamily, kAdditionalAddressFamily}) {
    all.emplace(type, Family(1));
    all.emplace(type, Family(2));
  }
  all.emplace(kUserhash,
              Octets("4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704"));
  all.emplace(kResponsePort, Octets("d90d"));
  all.emplace(kIcmp, Octets("0000 0601 00000000"));
  all.emplace(kAddressErrorCode, Octets("02000428 4142"));
  all.emplace(kMessageIntegrity,
              RoundTrip{[](MessageWriter& writer, AttributeType) {
                          writer.AddMessageIntegrity(base::AsBytes("key"));
                        },
                        [](const MessageView& message, const Attribute&) {
                          EXPECT_TRUE(VerifyMessageIntegrity(message, base::AsBytes("key")));
                        }});
  all.emplace(kMessageIntegritySha256,
              RoundTrip{[](MessageWriter& writer, AttributeType) {
                          writer.AddMessageIntegritySha256(base::AsBytes("key"));
                        },
                        [](const MessageView& message, const Attribute&) {
                          EXPECT_TRUE(VerifyMessageIntegritySha256(message, base::AsBytes("key")));
                        }});
  all.emplace(kFingerprint,
              RoundTrip{[](MessageWriter& writer, AttributeType) { writer.AddFingerprint(); },
                        [](const MessageView& message, const Attribute&) {
                          EXPECT_EQ(CheckFingerprint(message), FingerprintCheck::kGood);
                        }});
  all.emplace(kErrorCode, RoundTrip{[](MessageWriter& writer, AttributeType) {
                                      writer.AddErrorCode(ErrorCode::kStaleNonce, "Stale Nonce");
                                    },
                                    [](const MessageView&, const Attribute& attribute) {
                                      const std::optional<ErrorCodeValue> decoded =
                                          DecodeErrorCode(attribute.value);
                                      ASSERT_TRUE(decoded.has_value());
                                      EXPECT_EQ(decoded->code, 438);
                                      EXPECT_EQ(decoded->reason, "Stale Nonce");
                                    }});
  all.emplace(kUnknownAttributes, RoundTrip{[](MessageWriter& writer, AttributeType type) {
                                              writer.AddBytes(type, FromHex("7f007f01"));
                                            },
                                            [](const MessageView&, const Attribute& attribute) {
                                              EXPECT_THAT(
                                                  *DecodeUnknownAttributes(attribute.value),
                                                  ElementsAre(static_cast<AttributeType>(0x7f00),
                                                              static_cast<AttributeType>(0x7f01)));
                                            }});
  all.emplace(kChannelNumber,
              RoundTrip{[](MessageWriter& writer, AttributeType type) {
                          writer.AddU32(type, std::uint32_t{kLastChannel.value} << 16);
                        },
                        [](const MessageView&, const Attribute& attribute) {
                          EXPECT_EQ(DecodeChannelNumber(attribute.value), kLastChannel);
                        }});
  for (const bool reserve : {false, true}) {
    all.emplace(kEvenPort, RoundTrip{[reserve](MessageWriter& writer, AttributeType type) {
                                       writer.AddU8(type, reserve ? 0x80 : 0);
                                     },
                                     [reserve](const MessageView&, const Attribute& attribute) {
                                       EXPECT_EQ(DecodeEvenPort(attribute.value), reserve);
                                     }});
  }
  all.emplace(
      kRequestedTransport,
      RoundTrip{[](MessageWriter& writer, AttributeType type) { writer.AddU32(type, 17u << 24); },
                [](const MessageView&, const Attribute& attribute) {
                  EXPECT_EQ(DecodeRequestedTransport(attribute.value), 17);
                }});
  all.emplace(kReservationToken, RoundTrip{[](MessageWriter& writer, AttributeType type) {
                                             writer.AddBytes(type, FromHex("0102030405060708"));
                                           },
                                           [](const MessageView&, const Attribute& attribute) {
                                             EXPECT_THAT(*DecodeReservationToken(attribute.value),
                                                         ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
                                           }});
  all.emplace(kPasswordAlgorithm,
              RoundTrip{[](MessageWriter& writer, AttributeType type) {
                          writer.AddBytes(type, FromHex("00020000"));
                        },
                        [](const MessageView&, const Attribute& attribute) {
                          EXPECT_EQ(DecodePasswordAlgorithm(attribute.value)->number, 2);
                        }});
  all.emplace(kPasswordAlgorithms, RoundTrip{[](MessageWriter& writer, AttributeType type) {
                                               writer.AddBytes(type, FromHex("0002000000010000"));
                                             },
                                             [](const MessageView&, const Attribute& attribute) {
                                               const auto entries =
                                                   DecodePasswordAlgorithms(attribute.value);
                                               ASSERT_TRUE(entries.has_value());
                                               ASSERT_EQ(entries->size(), 2u);
                                               EXPECT_EQ((*entries)[0].number, 2);
                                               EXPECT_EQ((*entries)[1].number, 1);
                                             }});
  return all;
}

class AttributeRoundTrip : public ::testing::TestWithParam<AttributeType> {};

TEST_P(AttributeRoundTrip, ComesBackAsItWasWritten) {
  const std::multimap<AttributeType, RoundTrip> all = RoundTrips();
  const auto [begin, end] = all.equal_range(GetParam());
  ASSERT_NE(begin, end) << "no round trip is written down for this attribute";
  for (auto it = begin; it != end; ++it) {
    std::array<std::uint8_t, 256> buffer;
    buffer.fill(0xee);
    MessageWriter writer(buffer, kType, kId);
    it->second.write(writer, GetParam());
    ASSERT_TRUE(writer.ok());

    const std::optional<MessageView> message = MessageView::Parse(writer.message());
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->type(), kType);
    EXPECT_EQ(message->transaction_id(), kId);
    const std::optional<Attribute> attribute = message->Find(GetParam());
    ASSERT_TRUE(attribute.has_value());
    it->second.check(*message, *attribute);
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, AttributeRoundTrip,
                         ::testing::ValuesIn(AllAttributeTypes().begin(),
                                             AllAttributeTypes().end()),
                         [](const ::testing::TestParamInfo<AttributeType>& param_info) {
                           std::string name;
                           for (const char character : AttributeName(param_info.param)) {
                             name.push_back(character == '-' ? '_' : character);
                           }
                           return name;
                         });

}  // namespace stun::attribute_round_trip_test
