#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/fleet/node_text.h"
#include "server/fleet/redis_reply.h"

// How a registry is asked for its nodes, without changing anything in it, and what it answers: the
// names first, then the nodes of those names. Sans-IO.
namespace relay::node_query {

std::vector<std::string> AskNames();
// At most NodeTable::kMaxNodes; what cannot be a name is left out. `reply` is an array.
std::vector<std::string> NamesIn(const RedisReply& reply);

// `names` is not empty. The reply is an array with an element for each.
std::vector<std::string> AskNodes(const std::vector<std::string>& names);
// nullopt: there is no node of that name, or what stands there is none.
std::optional<AnnouncedNode> NodeIn(const RedisReply& element, const std::string& name);

}  // namespace relay::node_query
