#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "protocol/base/time.h"
#include "protocol/turn/engine.h"
#include "server/datapath/session_record.h"
#include "server/net/usage_meter.h"

namespace relay {

// Finds the allocations of one shard that an administrator wants to see, a few at a time, so that
// packets do not wait for it: an allocation that begins meanwhile may be left out, and one that
// ends is. Shard's thread only.
class SessionCollector {
 public:
  using Sink = std::function<void(std::vector<SessionRecord>)>;

  // Takes down the ids there are, which is quick for any number of them. `sink` is called once,
  // when Step has found everything.
  SessionCollector(const turn::Engine& engine, SessionFilter filter, Sink sink);

  // Looks at a few allocations. False: it is done, and the sink has been called.
  bool Step(const turn::Engine& engine, UsageMeter& usage, const base::Now& now);

 private:
  static constexpr std::size_t kAtOnce = 32;

  bool IsWanted(const turn::Engine::AllocationSummary& summary) const;

  SessionFilter filter_;
  Sink sink_;
  std::vector<std::uint64_t> ids_;  // a heap whose top is the lowest
  std::vector<SessionRecord> found_;
};

}  // namespace relay
