#include "server/control/drain_duty.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "server/control/admin_routes.h"
#include "server/control/quantity_text.h"
#include "server/control/status_report.h"
#include "server/log/log.h"

namespace relay {
namespace {

constexpr std::string_view kDrainUsage =
    "drain takes its deadline in whole seconds, and \"watch\", or one of them, or nothing";

base::MonotonicTime MonotonicNow() { return base::ReadClocks().monotonic; }

std::string_view Describe(DrainController::End end) {
  switch (end) {
    case DrainController::End::kEmpty:
      return "no allocation is left";
    case DrainController::End::kDeadline:
      return "the drain deadline has passed";
    case DrainController::End::kAtOnce:
      return "told to stop at once";
  }
  return "";
}

std::string LeftText(std::int64_t allocations) {
  return allocations == 1 ? "1 allocation is left"
                          : std::to_string(allocations) + " allocations are left";
}

struct DrainRequest {
  std::optional<std::chrono::nanoseconds> deadline;
  bool is_watch = false;
};

std::optional<DrainRequest> ParseDrainRequest(std::string_view arguments) {
  DrainRequest request;
  const std::string_view first = arguments.substr(0, arguments.find(' '));
  std::string_view rest = arguments;
  if (!first.empty() && first != "watch") {
    std::uint32_t count = 0;
    const auto parsed = std::from_chars(first.data(), first.data() + first.size(), count);
    if (parsed.ec != std::errc() || parsed.ptr != first.data() + first.size()) return std::nullopt;
    request.deadline = std::chrono::seconds(count);
    rest.remove_prefix(std::min(rest.size(), first.size() + 1));
  }
  request.is_watch = rest == "watch";
  if (!request.is_watch && !rest.empty()) return std::nullopt;
  return request;
}

}  // namespace

DrainDuty::DrainDuty(EventLoop& loop, RelayControl& relay, Options options,
                     std::function<void()> on_begun)
    : loop_(loop),
      relay_(relay),
      options_(options),
      on_begun_(std::move(on_begun)),
      controller_(options.deadline),
      timer_(loop, [this] { Advance(); }) {}

void DrainDuty::Answer(std::string_view arguments, const LineReply& reply) {
  const auto request = ParseDrainRequest(arguments);
  if (!request) return reply.Finish(AdminError(kDrainUsage));
  std::erase_if(watchers_, [](const LineReply& watcher) { return !watcher.Send(""); });
  if (request->is_watch && watchers_.size() >= kMaxWatchers)
    return reply.Finish(AdminError("others watch the drain already, as many as may"));
  Begin(request->deadline);
  if (!request->is_watch) return reply.Finish(Progress());
  reply.Send(Progress());
  watchers_.push_back(reply);
}

void DrainDuty::OnTerminate() {
  const bool was_draining = controller_.is_draining();
  controller_.OnTerminate(MonotonicNow());
  if (controller_.phase() == DrainController::Phase::kStopped) return End();
  if (!was_draining) return OnBegun();
  Log(LogLevel::kInfo, "told to end: the drain goes on, the next time it ends at once");
}

void DrainDuty::StopAtOnce() {
  controller_.StopAtOnce();
  End();
}

void DrainDuty::Begin(std::optional<std::chrono::nanoseconds> deadline) {
  if (controller_.Begin(MonotonicNow(), deadline)) return OnBegun();
  if (!deadline) return;
  Log(LogLevel::kInfo, "the drain has another deadline",
      {{"deadline_seconds", std::chrono::round<std::chrono::seconds>(*deadline).count()}});
}

void DrainDuty::OnBegun() {
  relay_.SetDraining(true);
  on_begun_();
  const auto remaining =
      controller_.remaining(MonotonicNow()).value_or(std::chrono::nanoseconds::zero());
  Log(LogLevel::kInfo, "draining: new allocations are refused, present ones go on",
      {{"allocations", CountAllocations()},
       {"deadline_seconds", std::chrono::round<std::chrono::seconds>(remaining).count()}});
  timer_.Start(options_.poll);
}

void DrainDuty::Advance() {
  // One that moves from shard to shard is in neither for a moment.
  const std::int64_t allocations = CountAllocations();
  const bool was_empty = std::exchange(is_empty_, allocations <= 0);
  controller_.Advance(MonotonicNow(), allocations <= 0 && !was_empty ? 1 : allocations);
  if (controller_.phase() == DrainController::Phase::kStopped) return End();
  Tell(MonotonicNow(), allocations);
  timer_.Start(options_.poll);
}

void DrainDuty::Tell(base::MonotonicTime now, std::int64_t allocations) {
  const auto silence = now - told_at_;
  const bool is_news = allocations != told_allocations_;
  if (watchers_.empty() || silence < kTellEvery || (!is_news && silence < kTellAnyway)) return;
  told_at_ = now;
  told_allocations_ = allocations;
  const std::string progress = Progress();
  std::erase_if(watchers_, [&](const LineReply& watcher) { return !watcher.Send(progress); });
}

void DrainDuty::End() {
  if (std::exchange(is_over_, true)) return;
  const std::string_view reason = controller_.end() ? Describe(*controller_.end()) : "";
  Log(LogLevel::kInfo, "stopping", {{"reason", reason}});
  const bool is_drained = controller_.end() != DrainController::End::kAtOnce;
  std::string last = (is_drained ? "drained: " : "stopped: ") + std::string(reason);
  if (const std::int64_t allocations = CountAllocations(); allocations > 0)
    last += "; " + LeftText(allocations) + " and will end now";
  for (const LineReply& watcher : std::exchange(watchers_, {})) watcher.Finish(last + "\n");
  loop_.Stop();
}

std::string DrainDuty::Progress() const {
  const auto remaining =
      controller_.remaining(MonotonicNow()).value_or(std::chrono::nanoseconds::zero());
  return "draining: " + LeftText(std::max<std::int64_t>(CountAllocations(), 0)) + ", " +
         DurationText(std::chrono::ceil<std::chrono::seconds>(remaining)) + " until the deadline\n";
}

std::int64_t DrainDuty::CountAllocations() const {
  return StatusTotals(relay_.counters()).AllAllocations();
}

}  // namespace relay
