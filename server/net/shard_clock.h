#pragma once

#include "protocol/base/time.h"

namespace relay {

// The time of the batch in hand, read once per batch.
class ShardClock {
 public:
  void Refresh() { now_ = base::ReadClocks(); }
  const base::Now& now() const { return now_; }

 private:
  base::Now now_ = base::ReadClocks();
};

}  // namespace relay
