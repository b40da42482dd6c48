#include "server/fleet/fleet_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/fleet/fleet_keys.h"
#include "server/fleet/node_text.h"
#include "tests/support/redis_process.h"
#include "tests/support/temporary_directory.h"

namespace relay::fleet_reader_test {

using test_support::RedisProcess;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

FleetNode NodeNamed(const std::string& name, const std::string& region = "eu") {
  FleetNode node;
  node.name = name;
  node.region = region;
  node.stun_urls = {"stun:" + name + ":49152"};
  node.turn_urls = {"turn:" + name + ":49152?transport=udp"};
  node.addresses = {"198.51.100.10", "2001:db8::10"};
  return node;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char each : text) quoted += each == '"' ? std::string("\\\"") : std::string(1, each);
  return quoted + "\"";
}

// As a node announces itself.
std::string Entry(const std::string& name, const std::string& text) {
  return "SET " + fleet_keys::Node(name) + " " + Quoted(text) + "\r\nSADD " + fleet_keys::kNodes +
         " " + name + "\r\n";
}
std::string Entry(const FleetNode& node) { return Entry(node.name, WriteNode(node, 1)); }

std::vector<std::string> NamesOf(const FleetReading& reading) {
  std::vector<std::string> names;
  for (const FleetNode& node : reading.nodes) names.push_back(node.name);
  return names;
}

class FleetReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!RedisProcess::IsInstalled()) GTEST_SKIP() << "the package redis-server is missing";
  }
  RedisAddress At(const std::string& file) const {
    return {.socket_path = directory_.File(file), .host = "", .user = "", .password = ""};
  }

  test_support::TemporaryDirectory directory_;
};

TEST_F(FleetReaderTest, WithoutARegistryThereIsNobody) {
  const FleetReading reading = ReadFleet({});
  EXPECT_THAT(reading.nodes, IsEmpty());
  EXPECT_THAT(reading.troubles, IsEmpty());
}

TEST_F(FleetReaderTest, SaysWhichOneNobodyListensAtAndReadsTheOthers) {
  const RedisProcess redis(At("here").socket_path);
  redis.Tell(Entry(NodeNamed("here.example")));
  RedisAddress closed;
  closed.host = "127.0.0.1";
  closed.port = 1;
  const FleetReading reading = ReadFleet({At("nowhere"), At("here"), closed});
  EXPECT_THAT(NamesOf(reading), ElementsAre("here.example"));
  EXPECT_THAT(reading.troubles,
              ElementsAre(AllOf(HasSubstr("the registry " + At("nowhere").socket_path + ": "),
                                HasSubstr("No such file")),
                          AllOf(HasSubstr("127.0.0.1:1"), HasSubstr("refused"))));
}

TEST_F(FleetReaderTest, SaysThatAPathIsTooLong) {
  RedisAddress address = At("x");
  address.socket_path = "/" + std::string(200, 'x');
  EXPECT_THAT(ReadFleet({address}).troubles, ElementsAre(EndsWith("its path is too long")));
}

TEST_F(FleetReaderTest, SaysThatThePasswordIsWrongAndNotWhichItWas) {
  const RedisProcess redis(At("redis").socket_path, {"--requirepass", "swordfish"});
  RedisAddress address = At("redis");
  address.password = "hunter2";
  const FleetReading reading = ReadFleet({address});
  EXPECT_THAT(reading.troubles,
              ElementsAre(AllOf(HasSubstr("it refuses: WRONGPASS"), Not(HasSubstr("hunter2")))));
}

TEST_F(FleetReaderTest, SaysThatItMayNotRead) {
  const RedisProcess redis(At("redis").socket_path);
  redis.Tell("ACL SETUSER narrow on >secret ~* -@all +ping\r\n");
  RedisAddress address = At("redis");
  address.user = "narrow";
  address.password = "secret";
  EXPECT_THAT(ReadFleet({address}).troubles, ElementsAre(HasSubstr("it refuses: NOPERM")));
}

TEST_F(FleetReaderTest, WaitsForNoneThatHangs) {
  const RedisProcess redis(At("redis").socket_path);
  redis.Hang();
  const FleetReading reading = ReadFleet({At("redis")});
  EXPECT_THAT(reading.nodes, IsEmpty());
  EXPECT_THAT(reading.troubles, ElementsAre(EndsWith("it does not answer")));
}

TEST_F(FleetReaderTest, SaysThatSomethingElseStandsThere) {
  const RedisProcess redis(At("redis").socket_path);
  redis.Tell(std::string("SET ") + fleet_keys::kNodes + " text\r\n");
  EXPECT_THAT(ReadFleet({At("redis")}).troubles, ElementsAre(HasSubstr("it refuses: WRONGTYPE")));
}

TEST_F(FleetReaderTest, TakesGarbageForNobody) {
  const RedisProcess redis(At("redis").socket_path);
  redis.Tell(Entry("a", "{}") + Entry("b", "not JSON") +
             Entry("c", WriteNode(NodeNamed("somebody.else"), 1)) + Entry("d;e", "{}") +
             Entry("\"f\\r\\ng\"", "{}") + Entry(NodeNamed("good.example")) +
             "SADD senso-turn:nodes silent.example list\r\nLPUSH senso-turn:node:list x\r\n");
  const FleetReading reading = ReadFleet({At("redis")});
  EXPECT_THAT(NamesOf(reading), ElementsAre("good.example"));
  EXPECT_THAT(reading.troubles, IsEmpty());
}

TEST_F(FleetReaderTest, ReadsAllRegionsWithNodesThatDrainAndThoseThatAreNotReady) {
  FleetNode draining = NodeNamed("eu02.example");
  draining.is_draining = true;
  FleetNode unready = NodeNamed("eu01.example");
  unready.is_ready = false;
  FleetNode pretender = NodeNamed("eu01.example", "na");
  pretender.addresses = {"192.0.2.1"};
  const RedisProcess eu(At("eu").socket_path);
  const RedisProcess na(At("na").socket_path);
  eu.Tell(Entry(draining) + Entry(unready));
  na.Tell(Entry(NodeNamed("na01.example", "na")) + Entry(pretender));
  const FleetReading reading = ReadFleet({At("eu"), At("na")});
  EXPECT_THAT(NamesOf(reading), ElementsAre("eu01.example", "eu02.example", "na01.example"));
  EXPECT_EQ(reading.nodes[0].region, "eu");
  EXPECT_THAT(reading.nodes[0].addresses, ElementsAre("198.51.100.10", "2001:db8::10"));
  EXPECT_TRUE(reading.nodes[1].is_draining);
  EXPECT_THAT(reading.troubles, IsEmpty());
}

TEST_F(FleetReaderTest, NeedsNoRightToWrite) {
  const RedisProcess redis(At("redis").socket_path);
  // The silent name is one that a node would take out.
  redis.Tell(Entry(NodeNamed("one.example")) +
             "SADD senso-turn:nodes silent.example\r\n"
             "ACL SETUSER reader on >secret ~senso-turn:* -@all +ping +srandmember +mget\r\n");
  RedisAddress address = At("redis");
  address.user = "reader";
  address.password = "secret";
  const FleetReading reading = ReadFleet({address});
  EXPECT_THAT(NamesOf(reading), ElementsAre("one.example"));
  EXPECT_THAT(reading.troubles, IsEmpty());
  // What was refused stands in its log.
  EXPECT_THAT(redis.Tell("ACL LOG\r\n"), testing::StartsWith("*0\r\n"));
  EXPECT_THAT(redis.Tell("SCARD senso-turn:nodes\r\nDBSIZE\r\n"), testing::StartsWith(":2\r\n:2"));
}

}  // namespace relay::fleet_reader_test
