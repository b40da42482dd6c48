#include "bench/loadgen/progress.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "bench/loadgen/text.h"

namespace loadgen {

Progress::Progress(bool is_quiet)
    : is_quiet_(is_quiet),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      last_(std::chrono::steady_clock::now()),
      next_(last_ + std::chrono::seconds(1)) {}

void Progress::Print(base::MonotonicTime now, const std::string& line) {
  last_ = now;
  next_ = now + std::chrono::seconds(1);
  if (is_quiet_) return;
  std::fprintf(stderr, is_terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  is_line_open_ = is_terminal_;
}

void Progress::ShowSetup(base::MonotonicTime now, const ControlFigures& control,
                         std::uint64_t requested) {
  Print(now, fmt::format("set up {}/{}, {} failed, {} retransmissions", control.set_up, requested,
                         Total(control.setup_failures), control.retransmissions));
}

void Progress::ShowTraffic(base::MonotonicTime now, const LaneFiguresTable& lanes,
                           const ControlFigures& control, std::uint32_t ready,
                           double left_seconds) {
  const double seconds = std::chrono::duration<double>(now - last_).count();
  std::string line = fmt::format("{:.0f} s left, {} ready", left_seconds, ready);
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    const LaneFigures& lane = lanes[i];
    if (!lane.is_used) continue;
    line += fmt::format(" | {} {:.0f}/s sent, {:.0f}/s received, lost {}, p99 {}",
                        LaneName(static_cast<Lane>(i)),
                        static_cast<double>(lane.sent - before_[i].sent) / seconds,
                        static_cast<double>(lane.received - before_[i].received) / seconds,
                        lane.gaps, FormatDuration(lane.latency.PercentileNs(0.99)));
    before_[i] = {lane.sent, lane.received};
  }
  if (control.churn_released > 0) {
    line += fmt::format(" | churn {:.0f}/s",
                        static_cast<double>(control.churn_set_up - churned_before_) / seconds);
    churned_before_ = control.churn_set_up;
  }
  if (control.refreshed > 0) line += fmt::format(" | refreshed {}", control.refreshed);
  const std::uint64_t failed = Total(control.keep_failures) + Total(control.churn_failures);
  if (failed > 0) line += fmt::format(" | failed {}", failed);
  Print(now, line);
}

void Progress::ShowRelease(base::MonotonicTime now, const ControlFigures& control) {
  Print(now, fmt::format("released {}/{}, {} failed", control.released, control.release_requested,
                         Total(control.release_failures)));
}

void Progress::Finish() {
  if (is_line_open_) std::fputc('\n', stderr);
  is_line_open_ = false;
}

}  // namespace loadgen
