#include "server/config/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace relay::registry_test {

using testing::HasSubstr;

TEST(RegistryUrl, ThatIsNoneSaysWhy) {
  const auto expect = [](const std::string& text, const std::string& why) {
    const auto url = ParseRegistryUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_THAT(url.error().message, HasSubstr(why)) << text;
  };
  expect("", "is not a registry");
  expect("mysql://host", "is not a registry");
  expect("rediss://host", "is not a registry");
  expect("redis://", "names no host");
  expect("redis://user@", "names no host");
  expect("redis://@host", "names no user");
  expect("redis://:secret@host", "fleet.password_file");
  expect("redis://user:secret@host", "fleet.password_file");
  expect("redis://host name", "names no host");
  expect("redis://host:", "has no port");
  expect("redis://host:0", "has no port");
  expect("redis://host:65536", "has no port");
  expect("redis://host/one", "has no number");
  expect("redis://[::1", "has no ']'");
  expect("redis://[host]", "has no address");
  expect("redis://[::1]6379", "has no port");
  expect("unix:relative", "absolute path");
  expect("unix:/", "absolute path");
  expect("unix:/" + std::string(107, 'x'), "too long");
  expect("unix:/a?database=x", "nothing else");
  expect("unix:/a?user=", "nothing else");
  expect("unix:/a?password=x", "nothing else");
}

TEST(RegistryUrl, NamesAHost) {
  RegistryUrl expected;
  expected.host = "redis";
  EXPECT_EQ(ParseRegistryUrl("redis://redis").value(), expected);
  expected.host = "2001:db8::1";
  expected.port = 7000;
  EXPECT_EQ(ParseRegistryUrl("redis://[2001:db8::1]:7000/").value(), expected);
  expected.host = "10.0.0.5";
  expected.user = "turn";
  expected.database = 3;
  EXPECT_EQ(ParseRegistryUrl("redis://turn@10.0.0.5:7000/3").value(), expected);
}

TEST(RegistryUrl, NamesASocket) {
  RegistryUrl expected;
  expected.socket_path = "/run/redis.sock";
  EXPECT_EQ(ParseRegistryUrl("unix:/run/redis.sock").value(), expected);
  expected.user = "turn";
  expected.database = 2;
  EXPECT_EQ(ParseRegistryUrl("unix:/run/redis.sock?user=turn&database=2").value(), expected);
}

}  // namespace relay::registry_test
