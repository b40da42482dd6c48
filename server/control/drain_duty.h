#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/time.h"
#include "server/control/drain_controller.h"
#include "server/control/relay_control.h"
#include "server/http/event_loop.h"
#include "server/http/line_server.h"

namespace relay {

// Drains the relay: has it refuse new allocations, looks how many are left, tells whoever watches,
// and stops the loop when it is over. Control thread only.
class DrainDuty {
 public:
  struct Options {
    std::chrono::nanoseconds deadline;  // of a drain that is told no other
    std::chrono::nanoseconds poll;      // between two looks at what is left
  };
  // `on_begun` is called when a drain begins. Both references must outlive the duty.
  DrainDuty(EventLoop& loop, RelayControl& relay, Options options, std::function<void()> on_begun);

  // "drain [SECONDS] [watch]": begins, or goes on with what has begun, with the deadline if there
  // is one. Answers with how far it is; to "watch" again and again, until it is over.
  void Answer(std::string_view arguments, const LineReply& reply);
  // SIGTERM: drains, and the second time stops.
  void OnTerminate();
  void StopAtOnce();
  // Another process takes what is new: drains, unless it does so already.
  void OnSucceeded() { Begin(std::nullopt); }
  void SetDeadline(std::chrono::nanoseconds deadline) { controller_.SetDeadline(deadline); }

  const DrainController& controller() const { return controller_; }

 private:
  static constexpr std::size_t kMaxWatchers = 4;  // each has a place at the admin socket
  static constexpr std::chrono::seconds kTellEvery{1};
  // Also when nothing has changed: so one finds out that nobody listens any more.
  static constexpr std::chrono::seconds kTellAnyway{10};

  void Begin(std::optional<std::chrono::nanoseconds> deadline);
  void OnBegun();
  void Advance();
  void Tell(base::MonotonicTime now, std::int64_t allocations);
  void End();
  std::string Progress() const;
  std::int64_t CountAllocations() const;

  EventLoop& loop_;
  RelayControl& relay_;
  const Options options_;
  const std::function<void()> on_begun_;
  DrainController controller_;
  Timer timer_;
  bool is_empty_ = false;  // at the last look
  bool is_over_ = false;
  std::vector<LineReply> watchers_;
  base::MonotonicTime told_at_{};
  std::int64_t told_allocations_ = 0;
};

}  // namespace relay
