#include "bench/loadgen/pacer.h"

#include <algorithm>
#include <chrono>

namespace loadgen {
namespace {

constexpr double kMaxBacklogSeconds = 0.02;
constexpr std::uint64_t kMinBacklog = 64;

}  // namespace

Pacer::Pacer(Kind kind, double amount, std::uint32_t flows)
    : kind_(kind),
      amount_(amount),
      window_(kind == Kind::kRate ? 0 : static_cast<std::uint32_t>(amount)),
      flows_(flows),
      queue_(kind == Kind::kFlowWindow ? flows : 0) {
  if (kind == Kind::kTotalWindow) credits_ = window_;
}

void Pacer::Enqueue(std::uint32_t flow) {
  FlowState& state = flows_[flow];
  if (state.is_queued || !state.is_active || state.in_flight >= window_) return;
  state.is_queued = true;
  queue_[(queue_head_ + queue_size_) % queue_.size()] = flow;
  ++queue_size_;
}

void Pacer::SetActive(std::uint32_t flow, bool is_active) {
  FlowState& state = flows_[flow];
  if (state.is_active == is_active) return;
  state.is_active = is_active;
  active_ = is_active ? active_ + 1 : active_ - 1;
  if (kind_ != Kind::kFlowWindow) return;
  state.in_flight = 0;
  if (is_active) Enqueue(flow);
}

void Pacer::Start(base::MonotonicTime now) {
  start_ = now;
  granted_ = 0;
}

void Pacer::Advance(base::MonotonicTime now) {
  if (kind_ != Kind::kRate) return;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const auto due = static_cast<std::uint64_t>(std::max(0.0, seconds * amount_));
  if (due <= granted_) return;
  credits_ += due - granted_;
  granted_ = due;
  const auto most = std::max(kMinBacklog, static_cast<std::uint64_t>(amount_ * kMaxBacklogSeconds));
  if (credits_ > most) {
    missed_ += credits_ - most;
    credits_ = most;
  }
}

std::optional<Pacer::Run> Pacer::Next(std::uint32_t most) {
  if (most == 0) return std::nullopt;
  return kind_ == Kind::kFlowWindow ? NextInQueue(most) : NextInTurn(most);
}

std::optional<Pacer::Run> Pacer::NextInQueue(std::uint32_t most) {
  while (queue_size_ > 0) {
    const std::uint32_t flow = queue_[queue_head_];
    queue_head_ = (queue_head_ + 1) % queue_.size();
    --queue_size_;
    FlowState& state = flows_[flow];
    state.is_queued = false;
    if (!state.is_active || state.in_flight >= window_) continue;
    const std::uint32_t packets = std::min(most, window_ - state.in_flight);
    state.in_flight += packets;
    Enqueue(flow);
    return Run{flow, packets};
  }
  return std::nullopt;
}

std::optional<Pacer::Run> Pacer::NextInTurn(std::uint32_t most) {
  if (credits_ == 0 || active_ == 0) return std::nullopt;
  while (!flows_[cursor_].is_active) {
    cursor_ = (cursor_ + 1) % static_cast<std::uint32_t>(flows_.size());
  }
  const std::uint32_t flow = cursor_;
  cursor_ = (cursor_ + 1) % static_cast<std::uint32_t>(flows_.size());
  if (turns_left_ == 0) {
    turns_left_ = active_;
    share_ = std::max<std::uint64_t>(1, credits_ / active_);
  }
  --turns_left_;
  const auto packets =
      static_cast<std::uint32_t>(std::min({share_, credits_, std::uint64_t{most}}));
  credits_ -= packets;
  return Run{flow, packets};
}

void Pacer::GiveBack(Run run) {
  switch (kind_) {
    case Kind::kRate:
      missed_ += run.packets;
      break;
    case Kind::kFlowWindow: {
      FlowState& state = flows_[run.flow];
      state.in_flight -= std::min(state.in_flight, run.packets);
      Enqueue(run.flow);
      break;
    }
    case Kind::kTotalWindow:
      credits_ = std::min<std::uint64_t>(window_, credits_ + run.packets);
      break;
  }
}

void Pacer::OnFreed(std::uint32_t flow, std::uint64_t packets) {
  if (kind_ == Kind::kRate || packets == 0) return;
  freed_ += packets;
  if (kind_ == Kind::kTotalWindow) {
    credits_ = std::min<std::uint64_t>(window_, credits_ + packets);
    return;
  }
  FlowState& state = flows_[flow];
  const auto freed = static_cast<std::uint32_t>(std::min<std::uint64_t>(state.in_flight, packets));
  state.in_flight -= freed;
  state.freed += freed;
  Enqueue(flow);
}

void Pacer::OnSilenceCheck() {
  if (kind_ == Kind::kTotalWindow && freed_ == 0) credits_ = window_;
  freed_ = 0;
  if (kind_ != Kind::kFlowWindow) return;
  for (std::uint32_t flow = 0; flow < flows_.size(); ++flow) {
    FlowState& state = flows_[flow];
    if (state.freed == 0 && state.in_flight > 0) {
      state.in_flight = 0;
      Enqueue(flow);
    }
    state.freed = 0;
  }
}

std::optional<base::MonotonicTime> Pacer::NextDue() const {
  if (active_ == 0) return std::nullopt;
  if (kind_ == Kind::kFlowWindow) {
    return queue_size_ > 0 ? std::optional(start_) : std::nullopt;
  }
  if (credits_ > 0) return start_;
  if (kind_ == Kind::kTotalWindow) return std::nullopt;
  const double seconds = static_cast<double>(granted_ + 1) / amount_;
  return start_ +
         std::chrono::ceil<base::MonotonicTime::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace loadgen
