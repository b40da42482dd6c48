#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "bench/loadgen/figures.h"
#include "protocol/base/time.h"

namespace loadgen {

// One line a second on standard error: rewritten in place on a terminal, one below the other
// elsewhere.
class Progress {
 public:
  explicit Progress(bool is_quiet);
  ~Progress() { Finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Whether a second has passed since the last line.
  bool IsDue(base::MonotonicTime now) const { return !is_quiet_ && now >= next_; }
  base::MonotonicTime next() const { return next_; }

  void ShowSetup(base::MonotonicTime now, const ControlFigures& control, std::uint64_t requested);
  void ShowTraffic(base::MonotonicTime now, const LaneFiguresTable& lanes,
                   const ControlFigures& control, std::uint32_t ready, double left_seconds);
  void ShowRelease(base::MonotonicTime now, const ControlFigures& control);
  // Leaves the last line standing.
  void Finish();

 private:
  struct Counts {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
  };

  void Print(base::MonotonicTime now, const std::string& line);

  bool is_quiet_;
  bool is_terminal_;
  bool is_line_open_ = false;
  base::MonotonicTime last_;
  base::MonotonicTime next_;
  std::array<Counts, kLaneCount> before_{};
  std::uint64_t churned_before_ = 0;
};

}  // namespace loadgen
