#include "server/control/nodes_document.h"

#include <boost/json.hpp>

#include "server/log/log_text.h"

namespace relay {
namespace {

namespace json = boost::json;

}  // namespace

std::string NodesDocument(const std::vector<FleetNode>& nodes) {
  json::array list;
  for (const FleetNode& node : nodes) {
    json::array urls = json::value_from(node.stun_urls).as_array();
    for (const std::string& url : node.turn_urls) urls.emplace_back(url);
    list.emplace_back(json::object{{"name", node.name},
                                   {"region", node.region},
                                   {"urls", std::move(urls)},
                                   {"addresses", json::value_from(node.addresses)},
                                   {"allocations", node.allocations},
                                   {"allocationsLimit", node.allocations_limit},
                                   {"freePorts", node.free_ports},
                                   {"draining", node.is_draining},
                                   {"ready", node.is_ready},
                                   {"announcedAt", TimeText(node.announced_at)}});
  }
  return json::serialize(json::object{{"nodes", std::move(list)}}) + "\n";
}

}  // namespace relay
