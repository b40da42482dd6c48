#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "server/config/load.h"

namespace relay::environment_test {

using testing::HasSubstr;
using testing::SizeIs;

class Environment : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("SENSO_TURN_TEST_A", "from: the {environment}", 1);
    ::setenv("SENSO_TURN_TEST_PORT", "50000", 1);
    ::setenv("SENSO_TURN_TEST_EMPTY", "", 1);
    ::unsetenv("SENSO_TURN_TEST_UNSET");
  }
};

TEST_F(Environment, FillsAValueWithoutMakingYamlOfIt) {
  const LoadedConfig loaded = LoadConfigText("realm: ${SENSO_TURN_TEST_A}\n", "t", {});
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.realm, "from: the {environment}");
}

TEST_F(Environment, FillsNumbersAndPartsOfText) {
  const LoadedConfig loaded = LoadConfigText(
      "relay: {ports: {min: \"${SENSO_TURN_TEST_PORT}\"}}\n"
      "realm: a${SENSO_TURN_TEST_PORT}b${SENSO_TURN_TEST_PORT}\n",
      "t", {});
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.relay.min_port, 50000);
  EXPECT_EQ(loaded.config.realm, "a50000b50000");
}

TEST_F(Environment, IsNotExpandedTwice) {
  ::setenv("SENSO_TURN_TEST_NESTED", "${SENSO_TURN_TEST_PORT}", 1);
  const LoadedConfig loaded = LoadConfigText("realm: ${SENSO_TURN_TEST_NESTED}\n", "t", {});
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.realm, "${SENSO_TURN_TEST_PORT}");
}

TEST_F(Environment, LeavesDollarsAlone) {
  const LoadedConfig loaded = LoadConfigText("realm: $5 $${x} $ $x\n", "t", {});
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.realm, "$5 ${x} $ $x");
}

TEST_F(Environment, MissingVariableIsAnErrorWithItsName) {
  const LoadedConfig loaded = LoadConfigText(
      "auth:\n  shared_secrets:\n  - {id: k, secret: \"${SENSO_TURN_TEST_UNSET}\"}\n", "t", {});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_EQ(loaded.errors[0].line, 3);
  EXPECT_EQ(loaded.errors[0].key, "auth.shared_secrets[0].secret");
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("SENSO_TURN_TEST_UNSET is not set"));
}

TEST_F(Environment, EmptyVariableIsAnEmptyValue) {
  const LoadedConfig loaded = LoadConfigText("realm: ${SENSO_TURN_TEST_EMPTY}\n", "t", {});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("is empty"));
}

TEST_F(Environment, RefusesWhatIsNoName) {
  for (const char* yaml : {"realm: '${}'\n", "realm: '${a-b}'\n", "realm: '${HOME'\n"}) {
    EXPECT_THAT(LoadConfigText(yaml, "t", {}).errors, SizeIs(1)) << yaml;
  }
}

}  // namespace relay::environment_test
