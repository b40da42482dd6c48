#include "auth/subject_hash.h"

#include <gtest/gtest.h>

namespace auth::subject_hash_test {

TEST(SubjectHash, IsTheSameForOneSubjectOnly) {
  const std::string hash = SubjectHash("key", "acme", "alice");
  EXPECT_EQ(hash, SubjectHash("key", "acme", "alice"));
  EXPECT_NE(hash, SubjectHash("key", "acme", "bob"));
  EXPECT_NE(hash, SubjectHash("key", "other", "alice"));
  EXPECT_NE(hash, SubjectHash("other", "acme", "alice"));
}

TEST(SubjectHash, KeepsTenantAndSubjectApart) {
  EXPECT_NE(SubjectHash("key", "ab", "c"), SubjectHash("key", "a", "bc"));
}

TEST(SubjectHash, FitsIntoAUserName) {
  const std::string hash = SubjectHash("key", "acme", std::string("\0:.\xff", 4));
  EXPECT_EQ(hash.size(), 22U);
  EXPECT_EQ(hash.find_first_of(":.+/="), std::string::npos);
}

TEST(SubjectKeyOf, IsNotTheSecret) {
  EXPECT_EQ(SubjectKeyOf("secret"), SubjectKeyOf("secret"));
  EXPECT_NE(SubjectKeyOf("secret"), SubjectKeyOf("other"));
  EXPECT_EQ(SubjectKeyOf("secret").find("secret"), std::string::npos);
}

}  // namespace auth::subject_hash_test
