#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "bench/loadgen/connection.h"
#include "bench/loadgen/credentials.h"
#include "bench/loadgen/figures.h"
#include "bench/loadgen/options.h"
#include "bench/loadgen/poller.h"
#include "bench/loadgen/timer_queue.h"
#include "bench/loadgen/traffic.h"
#include "bench/loadgen/turn_client.h"
#include "protocol/base/random.h"
#include "protocol/base/time.h"

namespace loadgen {

// Walks every session through its life: connect, Allocate with the 401, CreatePermission,
// ChannelBind, refreshes, the last Refresh; repeats requests as RFC 8489 section 6.2 says, and
// tells Traffic which flows are open. One thread.
class Control {
 public:
  // `tls` is for clients over TLS, else nullptr; it must outlive this.
  Control(const Options& options, const base::Endpoint& server, const TlsContext* tls,
          base::Now now, Poller& poller, Traffic& traffic);

  void BeginSetup(base::MonotonicTime now);
  bool is_setup_over() const { return waiting_.empty() && in_progress_ == 0; }
  // What is neither ready nor failed fails as "interrupted".
  void AbortSetup(base::MonotonicTime now);

  void BeginChurn(base::MonotonicTime now);
  // Sessions under way come to their end: wait for is_settled().
  void EndChurn() { churn_rate_ = 0; }
  bool is_settled() const { return waiting_.empty() && in_progress_ == 0; }

  void BeginRelease(base::MonotonicTime now);
  bool is_release_over() const { return to_release_.empty() && in_progress_ == 0; }

  // One read of a client's socket; data goes to Traffic.
  void OnReadable(std::uint32_t index);
  void OnWritable(std::uint32_t index, base::MonotonicTime now);
  // Timers, and what the rates allow to begin.
  void Advance(base::MonotonicTime now);
  std::optional<base::MonotonicTime> NextDue(base::MonotonicTime now) const;

  const ControlFigures& figures() const { return figures_; }
  std::uint32_t ready() const { return ready_; }
  std::uint64_t ClientReceiveDrops() const;

 private:
  enum class Phase : std::uint8_t {
    kIdle,
    kConnecting,
    kSettingUp,
    kWaitingForPartner,
    kReady,
    kQuiescing,
    kReleasing,
    kReleased,
    kFailed,
  };
  struct Session {
    Connection connection;
    TurnClient client;
    base::MonotonicTime began;         // the set-up
    base::MonotonicTime request_sent;  // for the first time
    std::uint32_t transaction = 0;     // stamp of its timers
    std::uint32_t life = 0;            // stamp of refresh and quiescence timers
    Phase phase = Phase::kIdle;
    std::uint8_t sends = 0;
    std::uint8_t addresses = 0;  // tried in this set-up
    bool is_churned = false;
  };

  static bool IsInProgress(Phase phase);
  void SetPhase(Session& session, Phase phase);
  std::uint32_t IndexOf(const Session& session) const {
    return static_cast<std::uint32_t>(&session - sessions_.data());
  }

  void StartSession(std::uint32_t index, base::MonotonicTime now);
  void Establish(Session& session, base::MonotonicTime now);
  void OpenDirectly(Session& session, base::MonotonicTime now);
  void SendRequest(Session& session, TurnClient::Request request, base::MonotonicTime now);
  void Transmit(Session& session);
  void ArmTransactionTimer(Session& session, base::MonotonicTime now);
  void OnMessage(Session& session, base::Bytes octets, base::MonotonicTime now);
  void OnRefused(Session& session);
  void OnSuccess(Session& session, base::MonotonicTime now);
  void OnAllocated(Session& session, base::MonotonicTime now);
  void Permit(Session& session, const base::Endpoint& peer, base::MonotonicTime now);
  void OnReady(Session& session, base::MonotonicTime now);
  void OnReleased(Session& session);
  void Fail(Session& session, const std::string& cause);
  Failures& FailuresOf(const Session& session);
  void Disconnect(Session& session);

  void OnTimer(const TimerQueue::Timer& timer, base::MonotonicTime now);
  void OnTransactionTimer(Session& session, base::MonotonicTime now);
  void ArmRefreshTimer(Session& session, base::MonotonicTime now, bool is_first);
  void Release(Session& session, base::MonotonicTime now);
  void Quiesce(Session& session, base::MonotonicTime now);
  void AdvanceSetup(base::MonotonicTime now);
  void AdvanceChurn(base::MonotonicTime now);
  void AdvanceRelease(base::MonotonicTime now);

  const Options& options_;
  base::Endpoint server_;
  Poller& poller_;
  Traffic& traffic_;
  const TlsContext* tls_;
  Credentials credentials_;
  TurnClient::Plan plan_;
  base::OsRandom random_;
  ReceiveBuffers receive_;
  std::array<std::uint8_t, TurnClient::kMaxRequestBytes> request_{};

  std::vector<Session> sessions_;
  TimerQueue timers_;
  std::deque<std::uint32_t> waiting_;     // to be set up
  std::deque<std::uint32_t> to_release_;  // at the end
  std::uint32_t in_progress_ = 0;
  std::uint32_t ready_ = 0;
  std::uint64_t transaction_ids_ = 0;
  base::MonotonicTime setup_began_;
  std::uint64_t setups_begun_ = 0;
  double churn_rate_ = 0;
  base::MonotonicTime churn_began_;
  std::uint64_t churns_begun_ = 0;
  std::uint32_t churn_cursor_ = 0;
  ControlFigures figures_;
};

}  // namespace loadgen
