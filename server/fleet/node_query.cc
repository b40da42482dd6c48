#include "server/fleet/node_query.h"

#include "server/fleet/fleet_keys.h"
#include "server/fleet/node_table.h"

namespace relay::node_query {

std::vector<std::string> AskNames() {
  return {"SRANDMEMBER", fleet_keys::kNodes, std::to_string(NodeTable::kMaxNodes)};
}

std::vector<std::string> NamesIn(const RedisReply& reply) {
  std::vector<std::string> names;
  for (const RedisReply& each : reply.elements) {
    if (!each.is_text() || !IsNodeName(each.text)) continue;
    if (names.size() == NodeTable::kMaxNodes) break;
    names.push_back(each.text);
  }
  return names;
}

std::vector<std::string> AskNodes(const std::vector<std::string>& names) {
  std::vector<std::string> words{"MGET"};
  for (const std::string& each : names) words.push_back(fleet_keys::Node(each));
  return words;
}

std::optional<AnnouncedNode> NodeIn(const RedisReply& element, const std::string& name) {
  if (!element.is_text()) return std::nullopt;
  auto announced = ReadNode(element.text);
  if (announced && announced->node.name != name) return std::nullopt;
  return announced;
}

}  // namespace relay::node_query
