#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/server/cli/run_command.h"
#include "tests/support/temporary_directory.h"

namespace relay::firewall_test {

using testing::HasSubstr;

class FirewallCommand : public testing::Test {
 protected:
  test_support::TemporaryDirectory directory_;
  const std::string config_ = directory_.Write("turn.yaml",
                                               "node: eu01.turn.example.org\n"
                                               "listeners: [{transport: udp, port: 50000}]\n"
                                               "relay: {addresses: [198.51.100.10]}\n"
                                               "auth: {users: [{username: a, password: b}]}\n");
};

TEST_F(FirewallCommand, AnotherFormatIsWrongUsage) {
  const CommandResult result = RunCommand({"firewall", "--config", config_, "--format", "xml"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("xml"));
  EXPECT_EQ(result.out, "");
}

TEST_F(FirewallCommand, ABrokenConfigurationHasNoRules) {
  const CommandResult result =
      RunCommand({"firewall", "--config", config_, "--set", "relay.ports.min=high"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("relay.ports.min"));
  EXPECT_EQ(result.out, "");
}

TEST_F(FirewallCommand, ARegistryThatIsNotThereMakesTheListIncomplete) {
  const std::string registry = "fleet.registry=unix:" + directory_.File("nobody");
  const CommandResult result = RunCommand({"firewall", "--config", config_, "--set", registry});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err,
              HasSubstr("incomplete: the registry " + directory_.File("nobody") + ": "));
  EXPECT_THAT(result.out, HasSubstr("198.51.100.10"));
}

TEST_F(FirewallCommand, PrintsTheRulesOfTheConfiguration) {
  const CommandResult result = RunCommand({"firewall", "--config", config_});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("*.turn.example.org"));
  EXPECT_THAT(result.out, HasSubstr("198.51.100.10"));
}

TEST_F(FirewallCommand, PrintsThemAsJson) {
  const CommandResult result = RunCommand({"firewall", "--config", config_, "--format", "json"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(boost::json::parse(result.out).at("rules").as_array().size(), 1U);
}

}  // namespace relay::firewall_test
