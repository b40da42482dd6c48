#include "protocol/turn/relay_port_pool.h"

#include <algorithm>

#include "protocol/base/check.h"

namespace turn {
namespace {

// How often a pair is drawn blindly before all are looked at.
constexpr int kDraws = 32;

}  // namespace

RelayPortPool::RelayPortPool(std::uint16_t min, std::uint16_t max,
                             std::span<const std::uint16_t> excluded)
    : min_(min) {
  CHECK(min != 0 && min <= max);
  ports_.resize(std::size_t{max} - min + 1, Port{.state = State::kTaken});
  for (const std::uint16_t port : excluded) {
    if (port >= min && port <= max) ports_[std::size_t{port} - min].state = State::kMissing;
  }
  for (std::vector<Place>& each : rested_) each.reserve(ports_.size() / 2 + 1);
  for (Place port = 0; port < ports_.size(); ++port) {
    if (ports_[port].state == State::kMissing) continue;
    AddRested(port);
    ++size_;
  }
}

std::optional<std::uint16_t> RelayPortPool::Take(Request request, base::RandomSource& random,
                                                 base::MonotonicTime now) {
  WakeUp(now);
  return request == Request::kEvenPair ? TakePair(random) : TakeOne(request, random);
}

std::optional<std::uint16_t> RelayPortPool::TakeOne(Request request, base::RandomSource& random) {
  const bool is_even = request == Request::kEven;
  const std::size_t even = rested_[0].size();
  const std::size_t count = is_even ? even : even + rested_[1].size();
  if (count != 0) {
    const std::uint32_t drawn = random.Below(static_cast<std::uint32_t>(count));
    return Give(drawn < even ? rested_[0][drawn] : rested_[1][drawn - even]);
  }
  const std::optional<Place> longest_rested = FindLongestRested(is_even);
  return longest_rested ? std::optional(Give(*longest_rested)) : std::nullopt;
}

std::optional<std::uint16_t> RelayPortPool::TakePair(base::RandomSource& random) {
  const auto give = [this](Place even) {
    Give(even + 1);
    return Give(even);
  };
  const auto count = static_cast<std::uint32_t>(rested_[0].size());
  for (int draw = 0; count != 0 && draw < kDraws; ++draw) {
    const Place even = rested_[0][random.Below(count)];
    if (IsPair(even) && IsRested(even + 1)) return give(even);
  }
  // Few are left: count them, and draw among those only.
  const auto rests_until = [this](Place even) {
    const auto of = [this](Place port) {
      return IsRested(port) ? base::MonotonicTime::min() : ports_[port].rests_until;
    };
    return std::max(of(even), of(even + 1));
  };
  std::uint32_t rested = 0;
  std::optional<Place> longest_rested;
  for (Place even = min_ % 2; even < ports_.size(); even += 2) {
    if (!IsPair(even)) continue;
    if (IsRested(even) && IsRested(even + 1)) ++rested;
    if (!longest_rested || rests_until(even) < rests_until(*longest_rested)) longest_rested = even;
  }
  if (!longest_rested) return std::nullopt;
  if (rested == 0) return give(*longest_rested);
  std::uint32_t skipped = random.Below(rested);
  for (Place even = min_ % 2;; even += 2) {
    if (!IsPair(even) || !IsRested(even) || !IsRested(even + 1)) continue;
    if (skipped-- == 0) return give(even);
  }
}

std::optional<RelayPortPool::Place> RelayPortPool::FindLongestRested(bool is_even) const {
  const Place own = FirstIn(resting_, is_even);
  const Place foreign = FirstIn(foreign_, is_even);
  if (own == kNone && foreign == kNone) return std::nullopt;
  if (own == kNone) return foreign;
  if (foreign == kNone) return own;
  return ports_[foreign].rests_until < ports_[own].rests_until ? foreign : own;
}

RelayPortPool::Place RelayPortPool::FirstIn(const RestingList& list, bool is_even) const {
  Place port = list.first;
  while (is_even && port != kNone && NumberOf(port) % 2 != 0) port = ports_[port].after;
  return port;
}

bool RelayPortPool::Claim(std::uint16_t port) {
  if (port < min_ || !IsFree(Place{port} - min_)) return false;
  Give(Place{port} - min_);
  return true;
}

void RelayPortPool::Return(std::uint16_t port, base::MonotonicTime now) {
  Rest(port, now + kQuarantine, State::kResting);
}

void RelayPortPool::ReturnForeign(std::uint16_t port, base::MonotonicTime now) {
  Rest(port, now + kForeignQuarantine, State::kRestingForeign);
}

void RelayPortPool::Rest(std::uint16_t number, base::MonotonicTime until, State state) {
  CHECK(number >= min_ && std::size_t{number} - min_ < ports_.size());
  const Place port = Place{number} - min_;
  Port& returned = ports_[port];
  CHECK(returned.state == State::kTaken);
  --in_use_;
  returned.state = state;
  returned.rests_until = until;
  RestingList& list = ListOf(state);
  // Time goes on: this is the last one.
  Place before = list.last;
  while (before != kNone && ports_[before].rests_until > until) before = ports_[before].before;
  const Place after = before == kNone ? list.first : ports_[before].after;
  returned.before = before;
  returned.after = after;
  (before == kNone ? list.first : ports_[before].after) = port;
  (after == kNone ? list.last : ports_[after].before) = port;
}

void RelayPortPool::Unlink(Place port) {
  const Port& resting = ports_[port];
  RestingList& list = ListOf(resting.state);
  (resting.before == kNone ? list.first : ports_[resting.before].after) = resting.after;
  (resting.after == kNone ? list.last : ports_[resting.after].before) = resting.before;
}

void RelayPortPool::AddRested(Place port) {
  std::vector<Place>& rested = rested_[NumberOf(port) % 2];
  ports_[port].state = State::kRested;
  ports_[port].place = static_cast<Place>(rested.size());
  rested.push_back(port);
}

void RelayPortPool::Remove(Place port) {
  if (!IsRested(port)) return Unlink(port);
  std::vector<Place>& rested = rested_[NumberOf(port) % 2];
  const Place place = ports_[port].place;
  rested[place] = rested.back();
  ports_[rested[place]].place = place;
  rested.pop_back();
}

void RelayPortPool::WakeUp(base::MonotonicTime now) {
  for (RestingList* const list : {&resting_, &foreign_}) {
    while (list->first != kNone && ports_[list->first].rests_until <= now) {
      const Place port = list->first;
      Unlink(port);
      AddRested(port);
    }
  }
}

std::uint16_t RelayPortPool::Give(Place port) {
  Remove(port);
  ports_[port].state = State::kTaken;
  ++in_use_;
  return NumberOf(port);
}

bool RelayPortPool::IsFree(Place port) const {
  if (port >= ports_.size()) return false;
  const State state = ports_[port].state;
  return state != State::kMissing && state != State::kTaken;
}

bool RelayPortPool::IsRested(Place port) const { return ports_[port].state == State::kRested; }

bool RelayPortPool::IsPair(Place even) const { return IsFree(even) && IsFree(even + 1); }

}  // namespace turn
