#include "server/net/joined_connection.h"

#include <utility>

#include "server/net/joined_connections.h"

namespace relay {

using Status = StreamOutcome::Status;

JoinedConnection::JoinedConnection(JoinedConnections& owner, turn::ClientHandle key,
                                   StreamSocket client, StreamSocket peer,
                                   std::vector<std::uint8_t> from_client,
                                   std::vector<std::uint8_t> to_client,
                                   std::shared_ptr<Allowance> allowance)
    : owner_(owner),
      key_(key),
      client_(std::move(client)),
      peer_(std::move(peer)),
      allowance_(std::move(allowance)),
      up_{.from = client_,
          .to = peer_,
          .direction = Direction::kClientToPeer,
          .waiting = std::move(from_client)},
      down_{.from = peer_,
            .to = client_,
            .direction = Direction::kPeerToClient,
            .waiting = std::move(to_client)} {
  // Answers of ours are nobody's data.
  down_.admitted = down_.waiting.size();
}

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

bool JoinedConnection::AdmitHeldBack(Direction direction) {
  Flow& flow = FlowOf(direction);
  const std::size_t bytes = owner_.AtOnce(flow.waiting.size());
  if (!flow.waiting.empty() && !owner_.Admit(*allowance_, direction, bytes)) return false;
  flow.is_held_back = false;
  flow.admitted = bytes;
  return true;
}

bool JoinedConnection::IsOverdue(base::MonotonicTime now) const {
  return stage_ != Stage::kFlowing && now >= deadline_;
}

void JoinedConnection::Advance(Flow& flow) {
  if (stage_ == Stage::kFlushing) return FinishIfFlushed(flow);
  if (stage_ == Stage::kDraining) return Drain(flow);
  if (flow.is_finished || !WriteWaiting(flow)) return;
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
    Flow& other = &flow == &up_ ? down_ : up_;
    if (outcome.status == Status::kFailed) OnUnwritable(other);
    End();
    return false;
  }
  const base::Bytes octets = room.first(outcome.bytes);
  owner_.Count(flow.direction, octets.size());
  const bool is_admitted = !owner_.HasWaiting(*allowance_, flow.direction) &&
                           owner_.Admit(*allowance_, flow.direction, octets.size());
  const base::Bytes rest = is_admitted ? Write(flow, octets) : octets;
  if (rest.empty()) return stage_ == Stage::kFlowing && !flow.is_finished;
  flow.waiting.assign(rest.begin(), rest.end());
  flow.admitted = is_admitted ? rest.size() : 0;
  if (!is_admitted) {
    flow.is_held_back = true;
    owner_.HoldBack(key_, flow.direction, allowance_);
  }
  return false;
}

bool JoinedConnection::AdmitWaiting(Flow& flow) {
  if (flow.admitted != 0) return true;
  if (flow.is_held_back) return false;
  const std::size_t bytes = owner_.AtOnce(flow.waiting.size());
  if (!owner_.HasWaiting(*allowance_, flow.direction) &&
      owner_.Admit(*allowance_, flow.direction, bytes)) {
    flow.admitted = bytes;
    return true;
  }
  flow.is_held_back = true;
  owner_.HoldBack(key_, flow.direction, allowance_);
  return false;
}

bool JoinedConnection::WriteWaiting(Flow& flow) {
  while (!flow.waiting.empty()) {
    if (!AdmitWaiting(flow)) return false;
    const base::Bytes rest = Write(flow, base::Bytes(flow.waiting).first(flow.admitted));
    if (flow.is_finished) return true;  // there is nobody left to write to
    const std::size_t written = flow.admitted - rest.size();
    flow.admitted = rest.size();
    flow.waiting.erase(flow.waiting.begin(),
                       flow.waiting.begin() + static_cast<std::ptrdiff_t>(written));
    if (flow.admitted != 0) return false;
  }
  flow.waiting = {};
  return true;
}

base::Bytes JoinedConnection::Write(Flow& flow, base::Bytes octets) {
  while (!octets.empty()) {
    const StreamOutcome outcome = flow.to.Write(octets);
    if (MustWait(outcome)) {
      Wait(flow, true, outcome);
      return octets;
    }
    if (outcome.status != Status::kDone) {
      OnUnwritable(flow);
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
    // The allocation is told before the client can know, which may connect to the same peer again.
    if (other.is_finished) owner_.NoteEnded(key_);
    if (!flow.is_finished) flow.to.EndWriting();
    flow.is_finished = true;
  }
  if (stage_ != Stage::kFlushing || !other.is_finished) return;
  stage_ = Stage::kDraining;
  deadline_ = owner_.now() + kDrainTimeout;
  owner_.NoteEnded(key_);
  owner_.NoteDraining(key_);
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

void JoinedConnection::OnUnwritable(Flow& flow) {
  flow.waiting = {};
  flow.admitted = 0;
  flow.is_finished = true;
  // Otherwise the other direction goes on until it finds the end, too.
  const Flow& other = &flow == &up_ ? down_ : up_;
  if (other.is_finished) End();
}

void JoinedConnection::Wait(Flow& flow, bool to_write, StreamOutcome outcome) {
  bool& is_waiting = to_write ? flow.is_waiting_to_write : flow.is_waiting_to_read;
  if (is_waiting) return;
  is_waiting = true;
  owner_.OnceReady(to_write ? flow.to : flow.from, DirectionOf(outcome), key_, flow.direction,
                   to_write);
}

}  // namespace relay
