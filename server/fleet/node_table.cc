#include "server/fleet/node_table.h"

#include <algorithm>
#include <utility>

namespace relay {

void NodeTable::OnAnswer(base::MonotonicTime now) {
  if (answered_at_)
    listened_ += std::min<std::chrono::nanoseconds>(now - *answered_at_, kMostAtOnce);
  answered_at_ = now;
  // Kept for ten times as long, so that an old text that is still in the registry is known as such.
  std::erase_if(nodes_,
                [&](const auto& each) { return listened_ - each.second.heard_at > 10 * kSilence; });
}

void NodeTable::OnNode(AnnouncedNode announced, base::WallTime now) {
  const auto found = nodes_.find(announced.node.name);
  if (found == nodes_.end() && nodes_.size() >= kMaxNodes) return;
  if (found != nodes_.end() && found->second.announced.beat == announced.beat) return;
  announced.node.announced_at = now;
  std::string name = announced.node.name;
  nodes_.insert_or_assign(std::move(name), Entry{std::move(announced), listened_});
}

std::vector<FleetNode> NodeTable::List() const {
  std::vector<FleetNode> list;
  for (const auto& [name, entry] : nodes_) {
    if (listened_ - entry.heard_at < kSilence) list.push_back(entry.announced.node);
  }
  return list;
}

}  // namespace relay
