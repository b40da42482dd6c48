#pragma once

#include <cstddef>

#include "protocol/turn/event.h"
#include "server/metrics/shard_counters.h"

// Counting on the packet path, with the engine's own words.
namespace relay {

inline void CountDrop(ShardCounters& counters, turn::DropReason reason) {
  counters.dropped_packets[LabelIndex(reason)].Add();
}

// `bytes` of payload; `is_stream`: the client's side is a byte stream.
inline void CountRelayed(ShardCounters& counters, Direction direction, bool is_stream,
                         std::size_t bytes) {
  const RelayPath path = is_stream ? RelayPath::kStream : RelayPath::kUserspace;
  counters.relayed_packets[LabelIndex(direction)][LabelIndex(path)].Add();
  counters.relayed_bytes[LabelIndex(direction)][LabelIndex(path)].Add(bytes);
}

}  // namespace relay
