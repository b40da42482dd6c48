#include "bench/loadgen/control.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "protocol/stun/demux.h"

namespace loadgen {
namespace {

using Outcome = TurnClient::Outcome;
using Request = TurnClient::Request;

constexpr std::uint16_t kAllocationMismatch = 437;

std::uint64_t Elapsed(base::MonotonicTime from, base::MonotonicTime to) {
  const auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, elapsed));
}

}  // namespace

Control::Control(const Options& options, const base::Endpoint& server, const TlsContext* tls,
                 base::Now now, Poller& poller, Traffic& traffic)
    : options_(options),
      server_(server),
      poller_(poller),
      traffic_(traffic),
      tls_(tls),
      credentials_(options, now.wall),
      plan_{options.family, static_cast<std::uint32_t>(options.lifetime_seconds)},
      receive_(std::max<std::size_t>(2048, options.payload_bytes + 128)),
      sessions_(options.allocations) {}

bool Control::IsInProgress(Phase phase) {
  return phase == Phase::kConnecting || phase == Phase::kSettingUp ||
         phase == Phase::kWaitingForPartner || phase == Phase::kQuiescing ||
         phase == Phase::kReleasing;
}

void Control::SetPhase(Session& session, Phase phase) {
  if (session.phase == Phase::kReady) --ready_;
  if (phase == Phase::kReady) ++ready_;
  if (IsInProgress(session.phase)) --in_progress_;
  if (IsInProgress(phase)) ++in_progress_;
  session.phase = phase;
}

void Control::StartSession(std::uint32_t index, base::MonotonicTime now) {
  Session& session = sessions_[index];
  ++session.life;
  if (session.addresses == 0) session.began = now;
  ++session.addresses;
  const auto channel = static_cast<std::uint16_t>(stun::kFirstChannel.value + index % 0x1000);
  session.client.Reset(credentials_.UserOf(index), stun::ChannelNumber{channel});
  SetPhase(session, Phase::kConnecting);
  const base::IpAddress source =
      options_.source_addresses.empty()
          ? base::IpAddress()
          : options_.source_addresses[index % options_.source_addresses.size()];
  const bool is_stream = options_.is_stream();
  const base::Endpoint& target = options_.mode == Mode::kDirect ? traffic_.peer_of(index) : server_;
  base::Result<void> opened =
      session.connection.Open(is_stream, tls_, source, target, options_.socket_buffer_bytes);
  if (opened.ok()) {
    opened = poller_.Watch(session.connection.socket(), Poller::Kind::kClient, index, is_stream);
  }
  if (!opened.ok()) {
    Fail(session, opened.error().message);
    return;
  }
  if (is_stream) return;  // OnWritable goes on
  SetPhase(session, Phase::kSettingUp);
  if (options_.mode == Mode::kDirect) {
    OpenDirectly(session, now);
  } else {
    SendRequest(session, Request::kAllocate, now);
  }
}

void Control::OpenDirectly(Session& session, base::MonotonicTime now) {
  const base::Result<base::Endpoint> local = LocalEndpoint(session.connection.socket());
  if (!local.ok()) {
    Fail(session, local.error().message);
    return;
  }
  session.addresses = 0;
  SetPhase(session, Phase::kReady);
  ++figures_.set_up;
  figures_.setup_latency.Record(Elapsed(session.began, now));
  const std::uint32_t index = IndexOf(session);
  traffic_.Open(index, {.connection = &session.connection,
                        .relayed = local.value(),
                        .peer = traffic_.peer_of(index),
                        .channel = {}});
}

void Control::Establish(Session& session, base::MonotonicTime now) {
  int error = 0;
  const TlsStream::State state = session.connection.Establish(error);
  switch (state) {
    case TlsStream::State::kDone:
      SetPhase(session, Phase::kSettingUp);
      SendRequest(session, Request::kAllocate, now);
      break;
    case TlsStream::State::kBroken:
      Fail(session, error == ECONNREFUSED ? "refused" : "disconnected");
      return;
    case TlsStream::State::kWantsRead:
    case TlsStream::State::kWantsWrite:
      break;
  }
  const bool wants_write =
      state == TlsStream::State::kWantsWrite || session.connection.has_unwritten();
  poller_.SetWantsWrite(session.connection.socket(), Poller::Kind::kClient, IndexOf(session),
                        wants_write);
}

void Control::SendRequest(Session& session, Request request, base::MonotonicTime now) {
  stun::TransactionId id{};
  ++transaction_ids_;
  for (std::size_t i = 0; i < sizeof(transaction_ids_); ++i) {
    id[i] = static_cast<std::uint8_t>(transaction_ids_ >> (8 * i));
  }
  random_.Fill(base::MutableBytes(id).last(4));
  session.client.Begin(request, id);
  ++session.transaction;
  session.sends = 1;
  session.request_sent = now;
  ++figures_.requests;
  Transmit(session);
  ArmTransactionTimer(session, now);
}

void Control::Transmit(Session& session) {
  const base::Bytes request = session.client.Build(plan_, credentials_, request_);
  if (!session.connection.Send(request)) ++figures_.socket_errors;
  if (session.connection.has_unwritten()) {
    poller_.SetWantsWrite(session.connection.socket(), Poller::Kind::kClient, IndexOf(session),
                          true);
  }
}

void Control::OnWritable(std::uint32_t index, base::MonotonicTime now) {
  Session& session = sessions_[index];
  if (!session.connection.is_open()) return;
  if (session.phase == Phase::kConnecting) {
    Establish(session, now);
    return;
  }
  session.connection.Flush();
  if (!session.connection.has_unwritten()) {
    poller_.SetWantsWrite(session.connection.socket(), Poller::Kind::kClient, index, false);
  }
}

void Control::OnReadable(std::uint32_t index) {
  Session& session = sessions_[index];
  if (!session.connection.is_open()) return;
  if (session.phase == Phase::kConnecting && tls_ != nullptr) {
    Establish(session, std::chrono::steady_clock::now());
    if (session.phase == Phase::kConnecting || !session.connection.is_open()) return;
  }
  std::optional<base::MonotonicTime> now;  // read once, after the octets
  const auto on_message = [&](base::Bytes message) {
    if (!now) now = std::chrono::steady_clock::now();
    if (options_.mode == Mode::kDirect) {
      traffic_.OnDirectPayload(index, message, *now);
    } else if (stun::Classify(message) == stun::PacketKind::kChannelData) {
      traffic_.OnChannelData(index, message, *now);
    } else {
      OnMessage(session, message, *now);
    }
  };
  Connection::Received received;
  do {
    received = session.connection.Receive(receive_, on_message);
  } while (received != Connection::Received::kBroken && session.connection.has_unread());
  if (received != Connection::Received::kBroken) return;
  const int error = errno;
  ++figures_.socket_errors;
  // An ICMP error may be forged or pass (RFC 8489 section 6.2.1), but before the first answer it
  // says that nobody listens.
  const bool is_first = session.phase == Phase::kSettingUp && session.client.is_waiting() &&
                        session.client.request() == Request::kAllocate;
  if (session.connection.is_stream()) {
    const bool is_refused = session.phase == Phase::kConnecting && error == ECONNREFUSED;
    Fail(session, is_refused ? "refused" : "disconnected");
  } else if (is_first && error == ECONNREFUSED) {
    Fail(session, "refused");
  }
}

void Control::OnMessage(Session& session, base::Bytes octets, base::MonotonicTime now) {
  const auto message = stun::MessageView::Parse(octets);
  if (!message) {
    ++figures_.ignored_responses;
    return;
  }
  if (message->message_class() == stun::MessageClass::kIndication) {
    traffic_.OnIndication(IndexOf(session), *message, now);
    return;
  }
  const Outcome outcome = session.client.OnResponse(*message, credentials_);
  if (outcome == Outcome::kIgnored) {
    ++figures_.ignored_responses;
    return;
  }
  figures_.transaction_latency.Record(Elapsed(session.request_sent, now));
  switch (outcome) {
    case Outcome::kIgnored:
      break;
    case Outcome::kSucceeded:
      OnSuccess(session, now);
      break;
    case Outcome::kTryAgain:
      if (session.client.code() != 401) ++figures_.stale_nonces;
      SendRequest(session, session.client.request(), now);
      break;
    case Outcome::kMalformed:
      Fail(session, "malformed");
      break;
    case Outcome::kRefused:
      OnRefused(session);
      break;
  }
}

void Control::OnRefused(Session& session) {
  const std::uint16_t code = session.client.code();
  const Request request = session.client.request();
  if (code == kAllocationMismatch && request == Request::kRelease && session.sends > 1) {
    // The answer to the first copy of the last Refresh was lost, and the allocation is gone.
    OnReleased(session);
  } else if (code == kAllocationMismatch && request == Request::kAllocate &&
             session.addresses < options_.address_tries) {
    // The system gave this socket a port that an earlier allocation had: another port may do.
    ++figures_.address_changes;
    Disconnect(session);
    SetPhase(session, Phase::kIdle);
    waiting_.push_front(IndexOf(session));
  } else {
    Fail(session, std::to_string(code));
  }
}

void Control::OnSuccess(Session& session, base::MonotonicTime now) {
  const bool is_setup = session.phase == Phase::kSettingUp;
  switch (session.client.request()) {
    case Request::kAllocate:
      OnAllocated(session, now);
      break;
    case Request::kCreatePermission:
      if (is_setup && options_.mode != Mode::kSend) {
        SendRequest(session, Request::kChannelBind, now);
        break;
      }
      [[fallthrough]];
    case Request::kChannelBind:
      if (is_setup) {
        OnReady(session, now);
      } else {
        ArmRefreshTimer(session, now, false);
      }
      break;
    case Request::kRefresh:
      ++figures_.refreshed;
      if (options_.mode == Mode::kAllocate) {
        ArmRefreshTimer(session, now, false);
      } else {
        // Binding a channel anew refreshes its permission, too (RFC 8656 section 12).
        SendRequest(
            session,
            options_.mode == Mode::kSend ? Request::kCreatePermission : Request::kChannelBind, now);
      }
      break;
    case Request::kRelease:
      OnReleased(session);
      break;
  }
}

void Control::OnAllocated(Session& session, base::MonotonicTime now) {
  if (options_.mode == Mode::kAllocate) {
    OnReady(session, now);
    return;
  }
  if (options_.mode != Mode::kRelayToRelay) {
    Permit(session, traffic_.peer_of(IndexOf(session)), now);
    return;
  }
  Session& partner = sessions_[IndexOf(session) ^ 1U];
  if (partner.phase == Phase::kFailed) {
    Fail(session, "partner");
  } else if (partner.phase == Phase::kWaitingForPartner) {
    SetPhase(partner, Phase::kSettingUp);
    Permit(partner, session.client.relayed(), now);
    Permit(session, partner.client.relayed(), now);
  } else {
    SetPhase(session, Phase::kWaitingForPartner);
  }
}

void Control::Permit(Session& session, const base::Endpoint& peer, base::MonotonicTime now) {
  session.client.SetPeer(peer);
  SendRequest(session, Request::kCreatePermission, now);
}

void Control::OnReady(Session& session, base::MonotonicTime now) {
  session.addresses = 0;
  SetPhase(session, Phase::kReady);
  const std::uint64_t elapsed = Elapsed(session.began, now);
  if (session.is_churned) {
    ++figures_.churn_set_up;
    figures_.churn_latency.Record(elapsed);
  } else {
    ++figures_.set_up;
    figures_.setup_latency.Record(elapsed);
  }
  traffic_.Open(IndexOf(session), {.connection = &session.connection,
                                   .relayed = session.client.relayed(),
                                   .peer = session.client.peer(),
                                   .channel = session.client.channel()});
  ArmRefreshTimer(session, now, true);
}

void Control::OnReleased(Session& session) {
  Disconnect(session);
  SetPhase(session, Phase::kReleased);
  if (session.is_churned) {
    ++figures_.churn_released;
    waiting_.push_back(IndexOf(session));
  } else {
    ++figures_.released;
  }
}

Failures& Control::FailuresOf(const Session& session) {
  switch (session.phase) {
    case Phase::kReady:
      return figures_.keep_failures;
    case Phase::kReleasing:
      return session.is_churned ? figures_.churn_failures : figures_.release_failures;
    default:
      return session.is_churned ? figures_.churn_failures : figures_.setup_failures;
  }
}

void Control::Fail(Session& session, const std::string& cause) {
  ++FailuresOf(session)[cause];
  Disconnect(session);
  SetPhase(session, Phase::kFailed);
  if (options_.mode != Mode::kRelayToRelay) return;
  Session& partner = sessions_[IndexOf(session) ^ 1U];
  if (partner.phase == Phase::kWaitingForPartner) Fail(partner, "partner");
}

void Control::Disconnect(Session& session) {
  traffic_.Close(IndexOf(session));
  ++session.life;
  ++session.transaction;
  if (!session.connection.is_stream()) {
    figures_.receive_drops += ReceiveDrops(session.connection.socket());
  }
  session.connection.Close();
}

std::uint64_t Control::ClientReceiveDrops() const {
  std::uint64_t drops = figures_.receive_drops;
  for (const Session& session : sessions_) {
    if (!session.connection.is_stream()) drops += ReceiveDrops(session.connection.socket());
  }
  return drops;
}

}  // namespace loadgen
