#include "bench/loadgen/report.h"

#include <boost/json.hpp>

#include "bench/loadgen/text.h"

namespace loadgen {
namespace {

namespace json = boost::json;

double PerSecond(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

double LossPercent(const LaneFigures& lane) {
  if (lane.sent == 0) return 0;
  return 100 * static_cast<double>(lane.lost()) / static_cast<double>(lane.sent);
}

std::string ByCause(const Failures& failures) {
  std::string text;
  for (const auto& [cause, count] : failures) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", cause, count);
  }
  return text;
}

void AddFailures(std::vector<std::string>& problems, const char* what, const Failures& failures) {
  if (failures.empty()) return;
  problems.push_back(fmt::format("{} {} failed ({})", Total(failures), what, ByCause(failures)));
}

std::string FormatPercentiles(const Histogram& histogram) {
  if (histogram.count() == 0) return "no values";
  const auto at = [&](double fraction) { return FormatDuration(histogram.PercentileNs(fraction)); };
  return "p50 " + at(0.5) + "  p90 " + at(0.9) + "  p99 " + at(0.99) + "  p99.9 " + at(0.999) +
         "  max " + FormatDuration(histogram.max_ns());
}

std::string FormatLane(Lane lane, const LaneFigures& figures, double seconds) {
  std::string text = fmt::format(
      "{:<8}  sent {} ({:.0f}/s), received {} ({:.0f}/s), lost {} ({:.4f} %), duplicated "
      "{}, reordered {}, corrupt {}\n",
      LaneName(lane), figures.sent, PerSecond(figures.sent, seconds), figures.received,
      PerSecond(figures.received_in_time, seconds), figures.lost(), LossPercent(figures),
      figures.duplicated, figures.reordered, figures.corrupt);
  if (figures.missed > 0) {
    text += fmt::format(
        "          {} were due and not sent: this program, or its sockets, were too "
        "slow\n",
        figures.missed);
  }
  const char* what = lane == Lane::kEcho ? "round trip" : "one way";
  text += fmt::format("          {}: {}\n", what, FormatPercentiles(figures.latency));
  return text;
}

json::object Latency(const Histogram& histogram) {
  const auto us = [](std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; };
  json::object object;
  object["count"] = histogram.count();
  object["min"] = us(histogram.min_ns());
  object["mean"] = histogram.mean_ns() / 1e3;
  object["p50"] = us(histogram.PercentileNs(0.5));
  object["p90"] = us(histogram.PercentileNs(0.9));
  object["p99"] = us(histogram.PercentileNs(0.99));
  object["p999"] = us(histogram.PercentileNs(0.999));
  object["max"] = us(histogram.max_ns());
  return object;
}

json::object FailuresJson(const Failures& failures) {
  json::object by_cause;
  for (const auto& [cause, count] : failures) by_cause[cause] = count;
  json::object object;
  object["total"] = Total(failures);
  object["by_cause"] = std::move(by_cause);
  return object;
}

json::object Asked(const Options& options) {
  json::object object;
  object["server"] = options.server;
  object["transport"] = TransportName(options.transport);
  object["mode"] = std::string(ModeName(options.mode));
  object["direction"] = std::string(DirectionName(options.direction));
  object["allocations"] = options.allocations;
  object["setup_rate"] = options.setup_rate;
  object["setup_window"] = options.setup_window;
  object["rate"] = options.rate;
  object["window"] = options.window;
  object["in_flight"] = options.in_flight;
  object["payload_bytes"] = options.payload_bytes;
  object["duration_seconds"] = options.duration_seconds;
  object["churn_rate"] = options.churn_rate;
  object["peers"] = options.peers;
  object["cpu"] = options.cpu;
  return object;
}

json::object LaneJson(const LaneFigures& lane, double seconds) {
  json::object object;
  object["sent"] = lane.sent;
  object["received"] = lane.received;
  object["lost"] = lane.lost();
  object["loss_percent"] = LossPercent(lane);
  object["duplicated"] = lane.duplicated;
  object["reordered"] = lane.reordered;
  object["corrupt"] = lane.corrupt;
  object["not_sent"] = lane.missed;
  object["sent_pps"] = PerSecond(lane.sent, seconds);
  object["received_pps"] = PerSecond(lane.received_in_time, seconds);
  object["latency_us"] = Latency(lane.latency);
  return object;
}

}  // namespace

std::vector<std::string> FindProblems(const Options& options, const Report& report) {
  std::vector<std::string> problems;
  AddFailures(problems, "set-ups", report.control.setup_failures);
  AddFailures(problems, "allocations in use", report.control.keep_failures);
  AddFailures(problems, "releases or set-ups of the churn", report.control.churn_failures);
  AddFailures(problems, "releases", report.control.release_failures);
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    const LaneFigures& lane = report.lanes[i];
    const std::string name(LaneName(static_cast<Lane>(i)));
    if (lane.corrupt > 0) {
      problems.push_back(fmt::format("{}: {} packets were corrupt", name, lane.corrupt));
    }
    if (options.max_loss_percent && LossPercent(lane) > *options.max_loss_percent) {
      problems.push_back(
          fmt::format("{}: {} packets were lost, {:.4f} %", name, lane.lost(), LossPercent(lane)));
    }
    if (options.max_loss_percent && lane.is_used && lane.sent == 0) {
      problems.push_back(name + ": nothing was sent");
    }
  }
  if (report.is_interrupted) problems.emplace_back("interrupted");
  return problems;
}

std::string FormatText(const Options& options, const Report& report) {
  const ControlFigures& control = report.control;
  std::string text =
      fmt::format("set-up    {} of {} in {:.2f} s ({:.0f}/s), {} retransmissions\n          {}\n",
                  control.set_up, options.allocations, report.setup_seconds,
                  PerSecond(control.set_up, report.setup_seconds), control.retransmissions,
                  FormatPercentiles(control.setup_latency));
  if (control.address_changes > 0) {
    text += fmt::format("          {} went on from another port after a 437\n",
                        control.address_changes);
  }
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    if (!report.lanes[i].is_used) continue;
    text += FormatLane(static_cast<Lane>(i), report.lanes[i], report.traffic_seconds);
  }
  if (control.refreshed > 0) text += fmt::format("refresh   {}\n", control.refreshed);
  if (options.churn_rate > 0) {
    text += fmt::format("churn     released {}, set up anew {} ({:.0f}/s)\n          {}\n",
                        control.churn_released, control.churn_set_up,
                        PerSecond(control.churn_set_up, report.traffic_seconds),
                        FormatPercentiles(control.churn_latency));
  }
  if (options.is_release) {
    text += fmt::format("release   {} of {} in {:.2f} s ({:.0f}/s)\n", control.released,
                        control.release_requested, report.release_seconds,
                        PerSecond(control.released, report.release_seconds));
  }
  text += fmt::format("own CPU   {:.2f} s: set-up {:.2f}, traffic {:.2f}, release {:.2f}\n",
                      report.total_cpu_seconds, report.setup_cpu_seconds,
                      report.traffic_cpu_seconds, report.release_cpu_seconds);
  if (report.own_receive_drops > 0) {
    text += fmt::format("          {} packets overflowed this program's own sockets\n",
                        report.own_receive_drops);
  }
  for (const std::string& problem : report.problems) text += "FAILED    " + problem + "\n";
  return text;
}

std::string FormatJson(const Options& options, const Report& report) {
  const ControlFigures& control = report.control;
  json::object setup;
  setup["requested"] = options.allocations;
  setup["succeeded"] = control.set_up;
  setup["failed"] = FailuresJson(control.setup_failures);
  setup["seconds"] = report.setup_seconds;
  setup["per_second"] = PerSecond(control.set_up, report.setup_seconds);
  setup["address_changes"] = control.address_changes;
  setup["latency_us"] = Latency(control.setup_latency);

  json::object transactions;
  transactions["requests"] = control.requests;
  transactions["retransmissions"] = control.retransmissions;
  transactions["stale_nonces"] = control.stale_nonces;
  transactions["ignored_responses"] = control.ignored_responses;
  transactions["socket_errors"] = control.socket_errors;
  transactions["latency_us"] = Latency(control.transaction_latency);

  json::object traffic;
  traffic["seconds"] = report.traffic_seconds;
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    if (!report.lanes[i].is_used) continue;
    traffic[LaneName(static_cast<Lane>(i))] = LaneJson(report.lanes[i], report.traffic_seconds);
  }

  json::object keep;
  keep["refreshed"] = control.refreshed;
  keep["failed"] = FailuresJson(control.keep_failures);

  json::object churn;
  churn["released"] = control.churn_released;
  churn["set_up"] = control.churn_set_up;
  churn["failed"] = FailuresJson(control.churn_failures);
  churn["per_second"] = PerSecond(control.churn_set_up, report.traffic_seconds);
  churn["latency_us"] = Latency(control.churn_latency);

  json::object release;
  release["requested"] = control.release_requested;
  release["succeeded"] = control.released;
  release["failed"] = FailuresJson(control.release_failures);
  release["seconds"] = report.release_seconds;

  json::object cpu;
  cpu["setup"] = report.setup_cpu_seconds;
  cpu["traffic"] = report.traffic_cpu_seconds;
  cpu["processes_traffic"] = report.processes_cpu_seconds;
  cpu["release"] = report.release_cpu_seconds;
  cpu["total"] = report.total_cpu_seconds;

  json::object object;
  object["version"] = 1;
  object["asked"] = Asked(options);
  object["setup"] = std::move(setup);
  object["transactions"] = std::move(transactions);
  object["traffic"] = std::move(traffic);
  object["keep"] = std::move(keep);
  object["churn"] = std::move(churn);
  object["release"] = std::move(release);
  object["cpu_seconds"] = std::move(cpu);
  object["own_receive_drops"] = report.own_receive_drops;
  object["interrupted"] = report.is_interrupted;
  object["problems"] = json::array(report.problems.begin(), report.problems.end());
  object["exit_code"] = report.problems.empty() ? 0 : 1;
  return json::serialize(object) + "\n";
}

}  // namespace loadgen
