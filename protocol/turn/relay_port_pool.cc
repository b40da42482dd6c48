#include "protocol/turn/relay_port_pool.h"

#include <algorithm>

#include "protocol/base/check.h"

namespace turn {
namespace {

// How often a port is drawn blindly before the pool is searched.
constexpr int kDraws = 32;

}  // namespace

RelayPortPool::RelayPortPool(std::uint16_t min, std::uint16_t max,
                             std::span<const std::uint16_t> excluded)
    : min_(min) {
  CHECK(min != 0 && min <= max);
  ports_.resize(std::size_t{max} - min + 1);
  for (Port& port : ports_) port.exists = true;
  for (const std::uint16_t port : excluded) {
    if (port >= min && port <= max) ports_[std::size_t{port} - min].exists = false;
  }
  for (const Port& port : ports_) size_ += port.exists ? 1 : 0;
}

std::optional<std::uint16_t> RelayPortPool::Take(Request request, base::RandomSource& random,
                                                 base::MonotonicTime now) {
  // Candidates are first, first + step, ...: every port, or the even ones.
  const std::uint32_t step = request == Request::kAny ? 1 : 2;
  const std::uint32_t first = request == Request::kAny ? min_ : min_ + (min_ & 1u);
  const auto end = static_cast<std::uint32_t>(min_ + ports_.size());
  if (first >= end) return std::nullopt;
  const std::uint32_t count = (end - first + step - 1) / step;

  const auto rests_until = [&](std::uint32_t port) {
    base::MonotonicTime until = ports_[port - min_].rests_until;
    if (request == Request::kEvenPair) until = std::max(until, ports_[port + 1 - min_].rests_until);
    return until;
  };
  const auto take = [&](std::uint32_t port) {
    ports_[port - min_].taken = true;
    ++in_use_;
    if (request == Request::kEvenPair) {
      ports_[port + 1 - min_].taken = true;
      ++in_use_;
    }
    return static_cast<std::uint16_t>(port);
  };

  for (int draw = 0; draw < kDraws; ++draw) {
    const std::uint32_t port = first + step * random.Below(count);
    if (Fits(port, request) && rests_until(port) <= now) return take(port);
  }

  // Few are left: count them, and draw among those only.
  std::uint32_t rested = 0;
  std::optional<std::uint32_t> longest_rested;
  for (std::uint32_t port = first; port < end; port += step) {
    if (!Fits(port, request)) continue;
    if (rests_until(port) <= now) ++rested;
    if (!longest_rested || rests_until(port) < rests_until(*longest_rested)) longest_rested = port;
  }
  if (!longest_rested) return std::nullopt;
  if (rested == 0) return take(*longest_rested);
  std::uint32_t skipped = random.Below(rested);
  for (std::uint32_t port = first;; port += step) {
    if (!Fits(port, request) || rests_until(port) > now) continue;
    if (skipped-- == 0) return take(port);
  }
}

bool RelayPortPool::Claim(std::uint16_t port) {
  if (!IsFree(port)) return false;
  ports_[std::size_t{port} - min_].taken = true;
  ++in_use_;
  return true;
}

void RelayPortPool::Return(std::uint16_t port, base::MonotonicTime now) {
  CHECK(port >= min_ && std::size_t{port} - min_ < ports_.size());
  Port& returned = ports_[std::size_t{port} - min_];
  CHECK(returned.taken);
  returned.taken = false;
  returned.rests_until = now + kQuarantine;
  --in_use_;
}

void RelayPortPool::ReturnForeign(std::uint16_t port, base::MonotonicTime now) {
  Return(port, now);
  ports_[std::size_t{port} - min_].rests_until = now + kForeignQuarantine;
}

bool RelayPortPool::IsFree(std::uint32_t port) const {
  if (port < min_ || port - min_ >= ports_.size()) return false;
  const Port& candidate = ports_[port - min_];
  return candidate.exists && !candidate.taken;
}

bool RelayPortPool::Fits(std::uint32_t port, Request request) const {
  if (!IsFree(port)) return false;
  if (request == Request::kAny) return true;
  if (port % 2 != 0) return false;
  return request == Request::kEven || IsFree(port + 1);
}

}  // namespace turn
