#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "protocol/base/time.h"
#include "server/net/shard_image.h"

namespace relay {

// A moment in which no shard of the process serves anything, so that what they have can be given
// away, or not: their threads wait here for what one other thread decides. Sockets go on queueing
// meanwhile, and the kernel goes on forwarding. Thread-safe (docs/adr/0018).
class StandStill {
 public:
  enum class Verdict : std::uint8_t { kGoOn, kLetGo };

  explicit StandStill(std::size_t shards) : images_(shards) {}

  // A shard: gives what it has, and waits.
  Verdict Join(std::size_t shard, ShardImage image);
  // A shard that has let go: what it knew last.
  void Leave(std::vector<LastTraffic> traffic);

  // The thread that decides. False: not all shards stand still by then.
  bool WaitForAll(base::MonotonicTime deadline);
  // By shard; once all stand still, and until something is decided.
  const std::vector<std::optional<ShardImage>>& images() const { return images_; }
  // Once. Shards that come later hear it, too. It must be decided in any case.
  void Decide(Verdict verdict);
  // After kLetGo: what all shards knew last, or those that have let go by then.
  std::vector<LastTraffic> WaitForTraffic(base::MonotonicTime deadline);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<ShardImage>> images_;
  std::size_t joined_ = 0;
  std::size_t left_ = 0;
  std::optional<Verdict> verdict_;
  std::vector<LastTraffic> traffic_;
};

// Decides that everything goes on, unless something else was decided.
class HeldStill {
 public:
  explicit HeldStill(std::shared_ptr<StandStill> held) : held_(std::move(held)) {}
  HeldStill(HeldStill&&) = default;
  HeldStill& operator=(HeldStill&&) = delete;
  ~HeldStill() {
    if (held_ != nullptr) held_->Decide(StandStill::Verdict::kGoOn);
  }

  const std::vector<std::optional<ShardImage>>& images() const { return held_->images(); }
  // What the shards have images of is another process's. Returns what they knew last.
  std::vector<LastTraffic> LetGo(base::MonotonicTime deadline) {
    const std::shared_ptr<StandStill> held = std::move(held_);
    held->Decide(StandStill::Verdict::kLetGo);
    return held->WaitForTraffic(deadline);
  }

 private:
  std::shared_ptr<StandStill> held_;
};

}  // namespace relay
