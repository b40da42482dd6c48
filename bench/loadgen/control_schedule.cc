#include <algorithm>
#include <chrono>

#include "bench/loadgen/control.h"

// The part of Control that has to do with time: what begins when, repetitions, refreshes, churn.
namespace loadgen {
namespace {

using Request = TurnClient::Request;

// RFC 8489 section 6.2.1.
constexpr auto kFirstTimeout = std::chrono::milliseconds(500);
constexpr std::uint8_t kMaxSends = 7;
constexpr auto kLastTimeout = 16 * kFirstTimeout;
// Section 6.2.2: over a stream the whole wait is one.
constexpr auto kStreamTimeout = std::chrono::milliseconds(39500);

constexpr double kPermissionRefreshSeconds = 240;  // of 300, RFC 8656 section 9
constexpr auto kQuiescenceLimit = std::chrono::milliseconds(500);
constexpr auto kQuiescencePoll = std::chrono::milliseconds(1);

base::MonotonicTime::duration Seconds(double seconds) {
  return std::chrono::duration_cast<base::MonotonicTime::duration>(
      std::chrono::duration<double>(seconds));
}

// How many steps a rate allows beyond those taken.
std::uint64_t Due(double per_second, base::MonotonicTime since, base::MonotonicTime now,
                  std::uint64_t taken) {
  const double seconds = std::chrono::duration<double>(now - since).count();
  const auto due = static_cast<std::uint64_t>(seconds * per_second);
  return due > taken ? due - taken : 0;
}

}  // namespace

void Control::OnTimer(const TimerQueue::Timer& timer, base::MonotonicTime now) {
  Session& session = sessions_[timer.session];
  switch (timer.kind) {
    case TimerQueue::Kind::kTransaction:
      if (timer.stamp == session.transaction) OnTransactionTimer(session, now);
      break;
    case TimerQueue::Kind::kRefresh:
      if (timer.stamp == session.life && session.phase == Phase::kReady) {
        SendRequest(session, Request::kRefresh, now);
      }
      break;
    case TimerQueue::Kind::kQuiescence:
      if (timer.stamp == session.life && session.phase == Phase::kQuiescing) {
        Quiesce(session, now);
      }
      break;
  }
}

void Control::OnTransactionTimer(Session& session, base::MonotonicTime now) {
  if (!session.client.is_waiting()) return;
  if (session.connection.is_stream() || session.sends == kMaxSends) {
    Fail(session, "timeout");
    return;
  }
  ++session.sends;
  ++figures_.retransmissions;
  Transmit(session);
  ArmTransactionTimer(session, now);
}

void Control::ArmRefreshTimer(Session& session, base::MonotonicTime now, bool is_first) {
  double period = options_.refresh_seconds;
  if (period == 0) {
    period = std::min(kPermissionRefreshSeconds, session.client.granted_seconds() / 2.0);
  }
  // The first ones are spread, or all that were set up in one second would refresh in one second.
  if (is_first) period *= 0.5 + random_.Below(1000) / 2000.0;
  timers_.Add({now + Seconds(std::max(0.01, period)), IndexOf(session), session.life,
               TimerQueue::Kind::kRefresh});
}

void Control::Release(Session& session, base::MonotonicTime now) {
  SetPhase(session, Phase::kReleasing);
  SendRequest(session, Request::kRelease, now);
}

// Before an allocation of the churn goes, what is under way in its flows arrives, or half a second
// passes.
void Control::Quiesce(Session& session, base::MonotonicTime now) {
  if (traffic_.IsQuiet(IndexOf(session)) || now - session.began > kQuiescenceLimit) {
    Release(session, now);
    return;
  }
  timers_.Add(
      {now + kQuiescencePoll, IndexOf(session), session.life, TimerQueue::Kind::kQuiescence});
}

void Control::BeginChurn(base::MonotonicTime now) {
  churn_rate_ = options_.churn_rate;
  churn_began_ = now;
}

void Control::BeginRelease(base::MonotonicTime now) {
  for (std::uint32_t i = 0; i < sessions_.size(); ++i) {
    sessions_[i].is_churned = false;
    if (sessions_[i].phase == Phase::kReady) to_release_.push_back(i);
  }
  figures_.release_requested = to_release_.size();
  AdvanceRelease(now);
}

void Control::Advance(base::MonotonicTime now) {
  while (const auto timer = timers_.TakeDue(now)) OnTimer(*timer, now);
  AdvanceSetup(now);
  AdvanceChurn(now);
  AdvanceRelease(now);
}

void Control::AdvanceSetup(base::MonotonicTime now) {
  // Pairs wait for each other, so at least one pair must fit.
  const std::uint32_t window = std::max<std::uint32_t>(2, options_.setup_window);
  while (!waiting_.empty()) {
    Session& session = sessions_[waiting_.front()];
    const bool is_paced = !session.is_churned && session.addresses == 0 && options_.setup_rate > 0;
    if (is_paced) {
      if (Due(options_.setup_rate, setup_began_, now, setups_begun_) == 0) break;
    } else if (in_progress_ >= window) {
      break;
    }
    if (is_paced) ++setups_begun_;
    const std::uint32_t index = waiting_.front();
    waiting_.pop_front();
    StartSession(index, now);
  }
}

void Control::AdvanceChurn(base::MonotonicTime now) {
  if (churn_rate_ == 0) return;
  while (ready_ > 0 && in_progress_ + waiting_.size() < options_.setup_window) {
    if (Due(churn_rate_, churn_began_, now, churns_begun_) == 0) break;
    while (sessions_[churn_cursor_].phase != Phase::kReady) {
      churn_cursor_ = (churn_cursor_ + 1) % static_cast<std::uint32_t>(sessions_.size());
    }
    Session& session = sessions_[churn_cursor_];
    churn_cursor_ = (churn_cursor_ + 1) % static_cast<std::uint32_t>(sessions_.size());
    ++churns_begun_;
    session.is_churned = true;
    session.began = now;
    ++session.life;
    traffic_.Pause(IndexOf(session));
    SetPhase(session, Phase::kQuiescing);
    Quiesce(session, now);
  }
}

void Control::AdvanceRelease(base::MonotonicTime now) {
  while (!to_release_.empty() && in_progress_ < options_.setup_window) {
    Session& session = sessions_[to_release_.front()];
    to_release_.pop_front();
    if (session.phase == Phase::kReady) {
      Release(session, now);
    } else {
      ++figures_.release_failures["disconnected"];
    }
  }
}

std::optional<base::MonotonicTime> Control::NextDue(base::MonotonicTime now) const {
  std::optional<base::MonotonicTime> next = timers_.next_deadline();
  const auto consider = [&](double rate, base::MonotonicTime since, std::uint64_t taken) {
    const base::MonotonicTime due = since + Seconds(static_cast<double>(taken + 1) / rate);
    // Past and still not done: the window is full, and an answer will move things on.
    if (due > now && (!next || due < *next)) next = due;
  };
  if (!waiting_.empty() && options_.setup_rate > 0) {
    consider(options_.setup_rate, setup_began_, setups_begun_);
  }
  if (!waiting_.empty() && in_progress_ < options_.setup_window && options_.setup_rate == 0) {
    next = now;
  }
  if (churn_rate_ > 0) consider(churn_rate_, churn_began_, churns_begun_);
  return next;
}

void Control::ArmTransactionTimer(Session& session, base::MonotonicTime now) {
  base::MonotonicTime::duration wait = kFirstTimeout * (1 << (session.sends - 1));
  if (session.sends == kMaxSends) wait = kLastTimeout;
  if (session.connection.is_stream()) wait = kStreamTimeout;
  timers_.Add({now + wait, IndexOf(session), session.transaction, TimerQueue::Kind::kTransaction});
}

void Control::BeginSetup(base::MonotonicTime now) {
  setup_began_ = now;
  for (std::uint32_t i = 0; i < sessions_.size(); ++i) waiting_.push_back(i);
}

void Control::AbortSetup(base::MonotonicTime now) {
  for (const std::uint32_t index : waiting_) {
    SetPhase(sessions_[index], Phase::kConnecting);
  }
  waiting_.clear();
  for (Session& session : sessions_) {
    // The churn was about to end this allocation, and it still exists.
    if (session.phase == Phase::kQuiescing) Release(session, now);
    if (IsInProgress(session.phase) && session.phase != Phase::kReleasing) {
      Fail(session, "interrupted");
    }
  }
}

}  // namespace loadgen
