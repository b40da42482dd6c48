#include "protocol/stun/message_type.h"

#include <gtest/gtest.h>

#include <set>

namespace stun::message_type_test {

TEST(MessageType, AnUnknownMethodIsNamedUnknown) {
  EXPECT_EQ(MethodName(static_cast<Method>(0x000)), "unknown");
  EXPECT_EQ(MethodName(static_cast<Method>(0x002)), "unknown");
  EXPECT_EQ(MethodName(static_cast<Method>(0xfff)), "unknown");
}

TEST(MessageType, TheTwoTopBitsAreIgnored) {
  EXPECT_EQ(DecodeMessageType(0xc001), DecodeMessageType(0x0001));
}

TEST(MessageType, EveryTypeOfFourteenBitsComesBackAsItWas) {
  for (std::uint16_t wire = 0; wire < 0x4000; ++wire)
    EXPECT_EQ(EncodeMessageType(DecodeMessageType(wire)), wire);
}

TEST(MessageType, STUN_09_MethodAndClassAreInterleaved) {
  EXPECT_EQ(EncodeMessageType({Method::kBinding, MessageClass::kRequest}), 0x0001);
  EXPECT_EQ(EncodeMessageType({Method::kBinding, MessageClass::kIndication}), 0x0011);
  EXPECT_EQ(EncodeMessageType({Method::kBinding, MessageClass::kSuccess}), 0x0101);
  EXPECT_EQ(EncodeMessageType({Method::kBinding, MessageClass::kError}), 0x0111);
  EXPECT_EQ(EncodeMessageType({Method::kAllocate, MessageClass::kError}), 0x0113);
  EXPECT_EQ(EncodeMessageType({Method::kChannelBind, MessageClass::kError}), 0x0119);
  EXPECT_EQ(EncodeMessageType({Method::kConnectionAttempt, MessageClass::kIndication}), 0x001c);
}

TEST(MessageType, TheBitsOfAMethodAreSpreadAroundThoseOfTheClass) {
  EXPECT_EQ(EncodeMessageType({static_cast<Method>(0xfff), MessageClass::kRequest}), 0x3eef);
  EXPECT_EQ(EncodeMessageType({static_cast<Method>(0x080), MessageClass::kRequest}), 0x0200);
  EXPECT_EQ(DecodeMessageType(0x3fff),
            (MessageType{static_cast<Method>(0xfff), MessageClass::kError}));
}

TEST(MessageType, EachMethodHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::uint16_t method = 0; method < 0x1000; ++method)
    names.insert(MethodName(static_cast<Method>(method)));
  EXPECT_EQ(names,
            (std::set<std::string_view>{
                "allocate", "binding", "channel_bind", "connect", "connection_attempt",
                "connection_bind", "create_permission", "data", "refresh", "send", "unknown"}));
}

}  // namespace stun::message_type_test
