#include "server/fleet/node_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace relay::node_text_test {

using std::string_view_literals::operator""sv;

FleetNode Example() {
  FleetNode node;
  node.name = "eu01.turn.example";
  node.region = "eu";
  node.stun_urls = {"stun:eu01.turn.example:49152"};
  node.turn_urls = {"turn:eu01.turn.example:49152?transport=udp",
                    "turns:eu01.turn.example:443?transport=tcp"};
  node.addresses = {"198.51.100.10", "2001:db8::10"};
  node.allocations = 7;
  node.allocations_limit = 16000;
  node.free_ports = 4294967295;
  node.is_draining = true;
  node.is_ready = false;
  return node;
}

std::string Replaced(std::string text, std::string_view what, std::string_view by) {
  const std::size_t place = text.find(what);
  EXPECT_NE(place, text.npos) << what;
  return text.replace(place, what.size(), by);
}

TEST(NodeText, OfOthersThanNodesIsNothing) {
  for (const std::string_view text :
       {""sv, "{}"sv, "null"sv, "[]"sv, "\"x\""sv, "{\"name\":\"a\"}"sv, "\xff\xfe\0"sv})
    EXPECT_FALSE(ReadNode(text)) << text;
  EXPECT_FALSE(ReadNode(std::string(10000, '[')));
  const std::string text = WriteNode(Example(), 1);
  for (std::size_t length = 0; length < text.size(); ++length)
    EXPECT_FALSE(ReadNode(text.substr(0, length)));
}

TEST(NodeText, WithAWrongValueIsNothing) {
  const std::string text = WriteNode(Example(), 1);
  for (const auto& [what, by] : {
           std::pair{"eu01.turn.example", "eu01 turn"},
           {"\"eu\"", "\"e u\""},
           {"\"eu\"", "7"},
           {"stun:", "http:"},
           {"turn:eu01", "javascript:eu01"},
           {"?transport=udp", " ?transport=udp"},
           {"198.51.100.10", "198.51.100.300"},
           {":7,", ":-7,"},
           {":7,", ":7.5,"},
           {":7,", ":4294967296,"},
           {":7,", ":\"7\","},
           {"true", "1"},
           {"\"beat\"", "\"heartbeat\""},
       })
    EXPECT_FALSE(ReadNode(Replaced(text, what, by))) << by;
  EXPECT_FALSE(ReadNode(text + std::string(kMaxNodeTextOctets, ' ')));
}

TEST(NodeText, IsReadAsItWasWritten) {
  const auto read = ReadNode(WriteNode(Example(), 281474976710655));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->node, Example());
  EXPECT_EQ(read->beat, 281474976710655u);
}

TEST(NodeText, OfALaterVersionMayHaveMore) {
  const std::string text = WriteNode(Example(), 1);
  EXPECT_TRUE(ReadNode(Replaced(text, "{", "{\"colour\":[\"green\"],")));
}

}  // namespace relay::node_text_test
