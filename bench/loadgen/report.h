#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/loadgen/figures.h"
#include "bench/loadgen/options.h"

namespace loadgen {

// Everything that one run found out.
struct Report {
  const ControlFigures& control;
  const LaneFiguresTable& lanes;
  double setup_seconds = 0;
  double traffic_seconds = 0;
  double release_seconds = 0;
  double setup_cpu_seconds = 0;  // of the load generator itself
  double traffic_cpu_seconds = 0;
  double processes_cpu_seconds = 0;  // of the processes asked for, during the traffic
  double release_cpu_seconds = 0;
  double total_cpu_seconds = 0;
  std::uint64_t own_receive_drops = 0;
  bool is_interrupted = false;
  // Each a sentence; any makes the exit code 1.
  std::vector<std::string> problems = {};
};

// What of the result is not as it was asked.
std::vector<std::string> FindProblems(const Options& options, const Report& report);

// For a person.
std::string FormatText(const Options& options, const Report& report);
// README.md describes the keys.
std::string FormatJson(const Options& options, const Report& report);

}  // namespace loadgen
