#include "protocol/stun/attribute_type.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace stun::attribute_type_test {

TEST(AttributeType, ANumberThatIsNotRegisteredHasNoName) {
  EXPECT_EQ(AttributeName(static_cast<AttributeType>(0x7f00)), "");
  EXPECT_EQ(AttributeName(static_cast<AttributeType>(0xffff)), "");
  EXPECT_EQ(AttributeName(static_cast<AttributeType>(0)), "");
}

TEST(AttributeType, STUN_14_TheLowerHalfMustBeUnderstood) {
  EXPECT_TRUE(IsComprehensionRequired(static_cast<AttributeType>(0x0000)));
  EXPECT_TRUE(IsComprehensionRequired(static_cast<AttributeType>(0x7f00)));
  EXPECT_TRUE(IsComprehensionRequired(static_cast<AttributeType>(0x7fff)));
}

TEST(AttributeType, STUN_13_TheUpperHalfMayBeIgnored) {
  EXPECT_FALSE(IsComprehensionRequired(static_cast<AttributeType>(0x8000)));
  EXPECT_FALSE(IsComprehensionRequired(static_cast<AttributeType>(0xfff0)));
  EXPECT_FALSE(IsComprehensionRequired(static_cast<AttributeType>(0xffff)));
}

TEST(AttributeType, AllAreListedOnceAndInOrder) {
  const auto types = AllAttributeTypes();
  EXPECT_TRUE(std::is_sorted(types.begin(), types.end()));
  EXPECT_EQ(std::set(types.begin(), types.end()).size(), types.size());
}

TEST(AttributeType, EachNumberThatHasANameIsListed) {
  std::size_t named = 0;
  for (std::uint32_t number = 0; number <= 0xffff; ++number) {
    if (!AttributeName(static_cast<AttributeType>(number)).empty()) ++named;
  }
  EXPECT_EQ(named, AllAttributeTypes().size());
}

TEST(AttributeType, NamesAreAsTheRegistryWritesThem) {
  EXPECT_EQ(AttributeName(AttributeType::kXorPeerAddress), "XOR-PEER-ADDRESS");
  for (const AttributeType type : AllAttributeTypes()) {
    for (const char character : AttributeName(type)) {
      EXPECT_TRUE((character >= 'A' && character <= 'Z') ||
                  (character >= '0' && character <= '9') || character == '-');
    }
  }
}

TEST(AttributeType, NoTwoShareAName) {
  std::set<std::string_view> names;
  for (const AttributeType type : AllAttributeTypes()) names.insert(AttributeName(type));
  EXPECT_EQ(names.size(), AllAttributeTypes().size());
}

}  // namespace stun::attribute_type_test
