#include "server/net/joined_connection.h"

#include <utility>

#include "server/net/joined_connections.h"

namespace relay {

using Status = StreamOutcome::Status;

JoinedConnection::JoinedConnection(JoinedConnections& owner, turn::ClientHandle key,
                                   StreamSocket client, StreamSocket peer,
                                   std::vector<std::uint8_t> from_client,
                                   std::vector<std::uint8_t> to_client,
                                   std::shared_ptr<JoinedMeters> meters)
    : owner_(owner),
      key_(key),
      client_(std::move(client)),
      peer_(std::move(peer)),
      meters_(std::move(meters)),
      up_{.from = client_,
          .to = peer_,
          .direction = Direction::kClientToPeer,
          .meter = meters_->client_to_peer,
          .waiting = std::move(from_client)},
      down_{.from = peer_,
            .to = client_,
            .direction = Direction::kPeerToClient,
            .meter = meters_->peer_to_client,
            .waiting = std::move(to_client)} {}

void JoinedConnection::Start() {
  if (!up_.waiting.empty()) owner_.Count(up_.direction, up_.waiting.size());
  Advance(up_);
  Advance(down_);
}

void JoinedConnection::OnReady(Direction direction, bool to_write) {
  Flow& flow = FlowOf(direction);
  (to_write ? flow.is_waiting_to_write : flow.is_waiting_to_read) = false;
  Advance(flow);
}

void JoinedConnection::Resume() {
  if (!up_.is_admitted) Advance(up_);
  if (!down_.is_admitted) Advance(down_);
}

bool JoinedConnection::IsOverdue(base::MonotonicTime now) const {
  return stage_ != Stage::kFlowing && now >= deadline_;
}

void JoinedConnection::Advance(Flow& flow) {
  if (stage_ == Stage::kFlushing) return FinishIfFlushed(flow);
  if (stage_ == Stage::kDraining) return Drain(flow);
  if (!WriteWaiting(flow)) return;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (!Carry(flow)) return;
  }
  owner_.Soon(key_, flow.direction);
}

bool JoinedConnection::Carry(Flow& flow) {
  const base::MutableBytes room = owner_.ReadRoom();
  const StreamOutcome outcome = flow.from.Read(room);
  if (MustWait(outcome)) {
    Wait(flow, false, outcome);
    return false;
  }
  if (outcome.status != Status::kDone) {
    flow.is_source_over = true;
    if (outcome.status == Status::kFailed) OnBroken(flow.from);
    End();
    return false;
  }
  const base::Bytes octets = room.first(outcome.bytes);
  owner_.Count(flow.direction, octets.size());
  flow.is_admitted = owner_.Admit(flow.meter, octets.size());
  const base::Bytes rest = flow.is_admitted ? Write(flow, octets) : octets;
  if (rest.empty()) return stage_ == Stage::kFlowing;
  flow.waiting.assign(rest.begin(), rest.end());
  if (!flow.is_admitted) owner_.Throttle(key_);
  return false;
}

bool JoinedConnection::WriteWaiting(Flow& flow) {
  if (flow.waiting.empty()) return true;
  if (!flow.is_admitted) {
    flow.is_admitted = owner_.Admit(flow.meter, flow.waiting.size());
    if (!flow.is_admitted) {
      owner_.Throttle(key_);
      return false;
    }
  }
  const base::Bytes rest = Write(flow, flow.waiting);
  if (rest.empty()) {
    flow.waiting = {};
    return true;
  }
  flow.waiting.erase(flow.waiting.begin(),
                     flow.waiting.end() - static_cast<std::ptrdiff_t>(rest.size()));
  return false;
}

base::Bytes JoinedConnection::Write(Flow& flow, base::Bytes octets) {
  while (!octets.empty()) {
    const StreamOutcome outcome = flow.to.Write(octets);
    if (MustWait(outcome)) {
      Wait(flow, true, outcome);
      return octets;
    }
    if (outcome.status != Status::kDone) {
      OnBroken(flow.to);
      return {};
    }
    octets = octets.subspan(outcome.bytes);
  }
  return {};
}

void JoinedConnection::End() {
  if (stage_ != Stage::kFlowing) return;
  stage_ = Stage::kFlushing;
  deadline_ = owner_.now() + kFlushTimeout;
  FinishIfFlushed(up_);
  FinishIfFlushed(down_);
}

void JoinedConnection::FinishIfFlushed(Flow& flow) {
  const Flow& other = &flow == &up_ ? down_ : up_;
  if (!flow.is_finished) {
    if (!WriteWaiting(flow)) return;
    // The allocation knows before the client can: it may connect to the same peer again at once.
    if (other.is_finished) owner_.NoteEnded(key_);
    if (!flow.is_finished) flow.to.EndWriting();
    flow.is_finished = true;
  }
  if (stage_ != Stage::kFlushing || !other.is_finished) return;
  stage_ = Stage::kDraining;
  deadline_ = owner_.now() + kDrainTimeout;
  owner_.NoteEnded(key_);
  Drain(up_);
  Drain(down_);
}

void JoinedConnection::Drain(Flow& flow) {
  for (int i = 0; i < kReadsPerTurn && !flow.is_source_over; ++i) {
    const StreamOutcome outcome = flow.from.Read(owner_.ReadRoom());
    if (MustWait(outcome)) return Wait(flow, false, outcome);
    flow.is_source_over = outcome.status != Status::kDone;
  }
  if (!flow.is_source_over) return owner_.Soon(key_, flow.direction);
  if (up_.is_source_over && down_.is_source_over) owner_.ScheduleRemove(key_);
}

void JoinedConnection::OnBroken(const StreamSocket& side) {
  for (Flow* flow : {&up_, &down_}) {
    if (&flow->from == &side) flow->is_source_over = true;
    if (&flow->to != &side) continue;
    flow->waiting = {};
    flow->is_admitted = true;
    flow->is_finished = true;
  }
  End();
}

void JoinedConnection::Wait(Flow& flow, bool to_write, StreamOutcome outcome) {
  bool& is_waiting = to_write ? flow.is_waiting_to_write : flow.is_waiting_to_read;
  if (is_waiting) return;
  is_waiting = true;
  owner_.OnceReady(to_write ? flow.to : flow.from, DirectionOf(outcome), key_, flow.direction,
                   to_write);
}

}  // namespace relay
