#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/time.h"
#include "server/fleet/node_text.h"

namespace relay {

// The nodes that one registry has told about. A node is there until it has been silent for
// kSilence, and silence is only what can be heard: while the registry gives no answers, time stands
// still, so that those who were there stay, and those who were silent stay out. Sans-IO.
class NodeTable {
 public:
  static constexpr std::chrono::seconds kSilence{6};
  static constexpr std::size_t kMaxNodes = 1024;

  // The registry has answered; what it said of nodes comes next.
  void OnAnswer(base::MonotonicTime now);
  // It has this node. Only another beat than before is a sign of life.
  void OnNode(AnnouncedNode announced, base::WallTime now);

  // In the order of their names.
  std::vector<FleetNode> List() const;

 private:
  // However late an answer comes, so much silence it proves.
  static constexpr std::chrono::seconds kMostAtOnce{2};

  struct Entry {
    AnnouncedNode announced;
    std::chrono::nanoseconds heard_at;
  };

  std::chrono::nanoseconds listened_{0};  // for how long
  std::optional<base::MonotonicTime> answered_at_;
  std::map<std::string, Entry> nodes_;
};

}  // namespace relay
