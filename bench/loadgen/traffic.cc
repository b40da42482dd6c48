#include "bench/loadgen/traffic.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "protocol/stun/attributes.h"
#include "protocol/stun/message_writer.h"

namespace loadgen {
namespace {

using stun::AttributeType;

constexpr std::uint32_t kBudget =
    256;  // packets per lane and call, so that receiving gets its turn
constexpr int kMaxReads = 4;
constexpr std::size_t kIndicationOverhead =
    64;  // header, XOR-PEER-ADDRESS of IPv6, DATA's header, padding
constexpr auto kSilenceInterval = std::chrono::milliseconds(250);
constexpr auto kBlockedPause = std::chrono::milliseconds(1);

std::uint64_t Nanoseconds(base::MonotonicTime time) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  return static_cast<std::uint64_t>(since.count());
}

std::size_t RoundUpToFour(std::size_t bytes) { return (bytes + 3) / 4 * 4; }

bool IsFromPeer(Lane lane) { return lane == Lane::kDown; }

}  // namespace

Traffic::Traffic(const Options& options, std::uint32_t run, Poller& poller)
    : mode_(options.mode),
      direction_(options.direction),
      socket_buffer_bytes_(options.socket_buffer_bytes),
      codec_(run, options.payload_bytes),
      poller_(poller),
      gates_(options.allocations),
      peers_(options.has_peers() ? options.peers : 0),
      incoming_(options.payload_bytes + kIndicationOverhead),
      slots_((options.payload_bytes + kIndicationOverhead + 4) * Connection::kMaxRun),
      payload_(options.payload_bytes) {
  if (!options.has_traffic()) return;
  if (mode_ == Mode::kRelayToRelay) {
    AddLane(options, Lane::kAcross, 1);
  } else if (direction_ == Direction::kEcho) {
    AddLane(options, Lane::kEcho, 1);
  } else {
    const double share = direction_ == Direction::kBoth ? 0.5 : 1;
    if (direction_ != Direction::kDown) AddLane(options, Lane::kUp, share);
    if (direction_ != Direction::kUp) AddLane(options, Lane::kDown, share);
  }
}

void Traffic::AddLane(const Options& options, Lane lane, double share) {
  const auto pacer = [&] {
    const std::uint32_t flows = options.allocations;
    if (options.rate > 0) return Pacer(Pacer::Kind::kRate, options.rate * share, flows);
    if (options.window > 0) return Pacer(Pacer::Kind::kFlowWindow, options.window, flows);
    return Pacer(Pacer::Kind::kTotalWindow, options.in_flight, flows);
  };
  lanes_.push_back({lane, pacer(), std::vector<Flow>(options.allocations)});
  figures_[static_cast<std::size_t>(lane)].is_used = true;
}

Traffic::LaneState* Traffic::FindLane(Lane lane) {
  for (LaneState& state : lanes_) {
    if (state.lane == lane) return &state;
  }
  return nullptr;
}

base::Result<void> Traffic::OpenPeers(const base::IpAddress& address) {
  for (std::uint32_t i = 0; i < peers_.size(); ++i) {
    base::Result<FileDescriptor> socket = OpenBoundUdpSocket({address, 0}, socket_buffer_bytes_);
    if (!socket.ok()) return socket.error();
    const base::Result<base::Endpoint> local = LocalEndpoint(socket.value());
    if (!local.ok()) return local.error();
    peers_[i].socket = std::move(socket).value();
    peers_[i].endpoint = local.value();
    peers_[i].outgoing = std::make_unique<DatagramBatch>(codec_.payload_bytes());
    peers_[i].outgoing_flows.resize(DatagramBatch::kCapacity);
    base::Result<void> watched = poller_.Watch(peers_[i].socket, Poller::Kind::kPeer, i, false);
    if (!watched.ok()) return watched;
  }
  return {};
}

// Between relays, "up" is from the even allocation of each pair to the odd one.
bool Traffic::Sends(Lane lane, std::uint32_t allocation) const {
  if (lane != Lane::kAcross || direction_ == Direction::kBoth) return true;
  return (allocation % 2 == 0) == (direction_ == Direction::kUp);
}

void Traffic::Open(std::uint32_t allocation, const Gate& gate) {
  gates_[allocation] = gate;
  for (LaneState& lane : lanes_) {
    if (Sends(lane.lane, allocation)) lane.pacer.SetActive(allocation, true);
  }
}

void Traffic::Pause(std::uint32_t allocation) {
  for (LaneState& lane : lanes_) lane.pacer.SetActive(allocation, false);
}

bool Traffic::IsQuiet(std::uint32_t allocation) const {
  return std::ranges::all_of(lanes_, [&](const LaneState& lane) {
    const Flow& flow = lane.flows[allocation];
    return flow.tracker.next() == flow.sent;
  });
}

void Traffic::Close(std::uint32_t allocation) {
  Pause(allocation);
  gates_[allocation] = Gate();
}

void Traffic::Start(base::MonotonicTime now) {
  is_sending_ = !lanes_.empty();
  next_silence_check_ = now + kSilenceInterval;
  for (LaneState& lane : lanes_) lane.pacer.Start(now);
}

void Traffic::Stop() {
  is_sending_ = false;
  for (LaneState& lane : lanes_) {
    LaneFigures& figures = figures_[static_cast<std::size_t>(lane.lane)];
    figures.received_in_time = figures.received;
    figures.missed = lane.pacer.missed();
  }
}

bool Traffic::IsDrained() const {
  return std::ranges::all_of(figures_, [](const LaneFigures& lane) { return lane.lost() == 0; });
}

void Traffic::Send(base::MonotonicTime now) {
  if (!is_sending_) return;
  is_blocked_ = false;
  if (now >= next_silence_check_) {
    for (LaneState& lane : lanes_) lane.pacer.OnSilenceCheck();
    next_silence_check_ = now + kSilenceInterval;
  }
  for (LaneState& lane : lanes_) {
    lane.pacer.Advance(now);
    SendLane(lane);
  }
}

std::optional<base::MonotonicTime> Traffic::NextDue(base::MonotonicTime now) const {
  if (!is_sending_) return std::nullopt;
  if (is_blocked_) return now + kBlockedPause;
  base::MonotonicTime next = next_silence_check_;
  for (const LaneState& lane : lanes_) {
    if (const auto due = lane.pacer.NextDue()) next = std::min(next, *due);
  }
  return next;
}

void Traffic::SendLane(LaneState& lane) {
  std::uint32_t budget = kBudget;
  while (budget > 0) {
    const auto run = lane.pacer.Next(std::min<std::uint32_t>(budget, Connection::kMaxRun));
    if (!run) break;
    budget -= run->packets;
    if (IsFromPeer(lane.lane)) {
      SendFromPeer(lane, *run);
    } else if (!SendFromClient(lane, *run)) {
      is_blocked_ = true;
      break;
    }
  }
  if (!IsFromPeer(lane.lane)) return;
  for (Peer& peer : peers_) {
    if (!FlushPeer(lane, peer)) is_blocked_ = true;
  }
}

std::size_t Traffic::WriteMessage(const Gate& gate, const Payload& payload,
                                  base::MutableBytes slot) {
  if (mode_ == Mode::kDirect) {
    codec_.Write(slot.first(codec_.payload_bytes()), payload);
    return codec_.payload_bytes();
  }
  if (mode_ != Mode::kSend) {
    const std::size_t bytes = codec_.payload_bytes();
    stun::WriteChannelDataHeader(slot, gate.channel, bytes);
    codec_.Write(slot.subspan(stun::kChannelDataHeaderBytes, bytes), payload);
    return stun::kChannelDataHeaderBytes + bytes;
  }
  stun::TransactionId id{};
  ++indications_;
  for (std::size_t i = 0; i < sizeof(indications_); ++i) {
    id[i] = static_cast<std::uint8_t>(indications_ >> (8 * i));
  }
  stun::MessageWriter writer(slot, {stun::Method::kSend, stun::MessageClass::kIndication}, id);
  codec_.Write(payload_, payload);
  writer.AddXorAddress(AttributeType::kXorPeerAddress, gate.peer);
  writer.AddBytes(AttributeType::kData, payload_);
  CHECK(writer.ok());
  return writer.message().size();
}

bool Traffic::SendFromClient(LaneState& lane, Pacer::Run run) {
  const Gate& gate = gates_[run.flow];
  Flow& flow = lane.flows[run.flow];
  Payload payload{lane.lane, run.flow, flow.sent, Nanoseconds(std::chrono::steady_clock::now())};
  std::size_t message_bytes = 0;
  std::size_t stride = 0;
  for (std::uint32_t i = 0; i < run.packets; ++i, ++payload.sequence) {
    message_bytes = WriteMessage(gate, payload, base::MutableBytes(slots_).subspan(i * stride));
    stride = RoundUpToFour(message_bytes);
  }
  const std::size_t sent = gate.connection->SendRun(base::Bytes(slots_).first(run.packets * stride),
                                                    message_bytes, stride);
  if (gate.connection->has_unwritten()) {
    poller_.SetWantsWrite(gate.connection->socket(), Poller::Kind::kClient, run.flow, true);
  }
  flow.sent += sent;
  figures_[static_cast<std::size_t>(lane.lane)].sent += sent;
  if (sent == run.packets) return true;
  lane.pacer.GiveBack({run.flow, run.packets - static_cast<std::uint32_t>(sent)});
  return false;
}

void Traffic::SendFromPeer(LaneState& lane, Pacer::Run run) {
  Peer& peer = peers_[run.flow % peers_.size()];
  const SocketAddress destination(gates_[run.flow].relayed);
  const std::uint64_t now = Nanoseconds(std::chrono::steady_clock::now());
  Flow& flow = lane.flows[run.flow];
  for (std::uint32_t i = 0; i < run.packets; ++i) {
    if (peer.outgoing->is_full() && !FlushPeer(lane, peer)) is_blocked_ = true;
    codec_.Write(peer.outgoing->next_slot(), {lane.lane, run.flow, flow.sent++, now});
    peer.outgoing_flows[peer.outgoing->size()] = run.flow;
    peer.outgoing->Append(codec_.payload_bytes(), destination);
  }
}

bool Traffic::FlushPeer(LaneState& lane, Peer& peer) {
  const std::size_t count = peer.outgoing->size();
  const std::size_t sent = peer.outgoing->Send(peer.socket);
  figures_[static_cast<std::size_t>(lane.lane)].sent += sent;
  // What was not sent takes its sequence number back: it is the newest of its flow.
  for (std::size_t i = sent; i < count; ++i) {
    --lane.flows[peer.outgoing_flows[i]].sent;
    lane.pacer.GiveBack({peer.outgoing_flows[i], 1});
  }
  return sent == count;
}

void Traffic::OnChannelData(std::uint32_t allocation, base::Bytes octets, base::MonotonicTime now) {
  const auto view = stun::ParseChannelData(octets);
  if (!view || view->channel != gates_[allocation].channel) {
    if (!lanes_.empty()) CountCorrupt(lanes_.back().lane);
    return;
  }
  OnClientPayload(allocation, view->data, now);
}

void Traffic::OnIndication(std::uint32_t allocation, const stun::MessageView& indication,
                           base::MonotonicTime now) {
  const auto data = indication.Find(AttributeType::kData);
  const auto peer = indication.Find(AttributeType::kXorPeerAddress);
  if (indication.method() != stun::Method::kData || !data || !peer) return;
  const auto address = stun::DecodeXorAddress(peer->value, indication.cookie_and_transaction_id());
  if (!address || address->endpoint != gates_[allocation].peer) {
    if (!lanes_.empty()) CountCorrupt(lanes_.back().lane);
    return;
  }
  OnClientPayload(allocation, data->value, now);
}

void Traffic::OnDirectPayload(std::uint32_t allocation, base::Bytes octets,
                              base::MonotonicTime now) {
  OnClientPayload(allocation, octets, now);
}

// The lane that ends at clients is the last one; it is charged with what cannot be attributed.
void Traffic::OnClientPayload(std::uint32_t allocation, base::Bytes bytes,
                              base::MonotonicTime now) {
  if (lanes_.empty()) return;
  const Lane lane = lanes_.back().lane;
  const std::uint32_t sender = lane == Lane::kAcross ? (allocation ^ 1U) : allocation;
  const auto payload = codec_.Read(bytes);
  if (!payload || payload->lane != lane || payload->allocation != sender) {
    CountCorrupt(lane);
    return;
  }
  Account(*payload, now);
}

void Traffic::OnPeerReadable(std::uint32_t peer) {
  for (int i = 0; i < kMaxReads; ++i) {
    const std::size_t count = incoming_.Receive(peers_[peer].socket);
    if (count == 0) return;
    if (direction_ == Direction::kEcho) {
      figures_[static_cast<std::size_t>(Lane::kEcho)].turned_around +=
          incoming_.SendBack(peers_[peer].socket, count);
    } else {
      const base::MonotonicTime now = std::chrono::steady_clock::now();
      for (std::size_t k = 0; k < count; ++k) {
        OnPeerDatagram(peer, incoming_.source(k), incoming_.datagram(k), now);
      }
    }
    if (count < DatagramBatch::kCapacity) return;
  }
}

void Traffic::OnPeerDatagram(std::uint32_t peer, const base::Endpoint& source, base::Bytes bytes,
                             base::MonotonicTime now) {
  const auto payload = codec_.Read(bytes);
  const bool is_right =
      payload && payload->lane == Lane::kUp && payload->allocation < gates_.size() &&
      payload->allocation % peers_.size() == peer && gates_[payload->allocation].relayed == source;
  if (is_right) {
    Account(*payload, now);
  } else {
    CountCorrupt(Lane::kUp);
  }
}

void Traffic::Account(const Payload& payload, base::MonotonicTime now) {
  LaneState* lane = FindLane(payload.lane);
  if (lane == nullptr) return;
  LaneFigures& figures = figures_[static_cast<std::size_t>(payload.lane)];
  Flow& flow = lane->flows[payload.allocation];
  if (payload.sequence >= flow.sent) {
    ++figures.corrupt;
    return;
  }
  const SequenceTracker::Verdict verdict = flow.tracker.Observe(payload.sequence);
  switch (verdict.arrival) {
    case SequenceTracker::Arrival::kDuplicate:
      ++figures.duplicated;
      return;
    case SequenceTracker::Arrival::kLate:
      // Its place in the window was given back when it was skipped.
      ++figures.reordered;
      if (figures.gaps > 0) --figures.gaps;
      break;
    case SequenceTracker::Arrival::kInOrder:
      figures.gaps += verdict.skipped;
      lane->pacer.OnFreed(payload.allocation, 1 + verdict.skipped);
      break;
  }
  ++figures.received;
  const std::uint64_t now_ns = Nanoseconds(now);
  figures.latency.Record(now_ns > payload.sent_ns ? now_ns - payload.sent_ns : 0);
}

std::uint64_t Traffic::PeerReceiveDrops() const {
  std::uint64_t drops = 0;
  for (const Peer& peer : peers_) drops += ReceiveDrops(peer.socket);
  return drops;
}

}  // namespace loadgen
