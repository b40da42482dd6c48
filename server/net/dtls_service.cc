#include "server/net/dtls_service.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

#include "protocol/stun/channel_data.h"
#include "protocol/stun/demux.h"
#include "protocol/turn/client_filter.h"
#include "server/datapath/userspace/traffic_counts.h"
#include "server/tls/dtls_records.h"

namespace relay {
namespace {

// Datagrams of an association leave the way that its client's plain datagrams would.
class ToCarrier final : public DatagramSink {
 public:
  ToCarrier(Forwarder& forwarder, const turn::Client& carrier)
      : forwarder_(forwarder), carrier_(carrier) {}
  void SendDatagram(base::Bytes datagram) override { forwarder_.SendToClient(carrier_, datagram); }

 private:
  Forwarder& forwarder_;
  const turn::Client& carrier_;
};

}  // namespace

DtlsService::DtlsService(boost::asio::io_context& io, Forwarder& forwarder, SendQueue& queue,
                         ProxiedClients& proxied, ConnectionCensus& census, ShardCounters& counters,
                         ShardClock& clock, base::RandomSource& random, const MemoryLimits& memory)
    : io_(io),
      forwarder_(forwarder),
      queue_(queue),
      proxied_(proxied),
      census_(census),
      counters_(counters),
      clock_(clock),
      cookies_(random),
      max_strangers_(std::max<std::size_t>(memory.strangers / kAssociationBytes, 1)) {}

DtlsService::~DtlsService() {
  for (const auto& [handle, association] : associations_)
    census_.Leave(association->client.five_tuple.client.address);
}

void DtlsService::SetTls(std::shared_ptr<const TlsContext> tls) {
  if (tls == nullptr) {
    acceptor_.reset();
  } else if (acceptor_ == nullptr) {
    acceptor_ = std::make_unique<DtlsAcceptor>(std::move(tls), cookies_);
  } else {
    acceptor_->SetContext(std::move(tls));
  }
}

void DtlsService::SetPolicy(std::shared_ptr<const turn::Policy> policy) {
  policy_ = std::move(policy);
  std::vector<std::uint32_t> refused;
  for (const auto& [handle, association] : associations_) {
    if (turn::IsRefusedClient(*policy_, association->client.five_tuple)) refused.push_back(handle);
  }
  for (const std::uint32_t handle : refused) Remove(handle);
}

void DtlsService::OnDatagram(const turn::Client& carrier, base::MutableBytes datagram) {
  if (acceptor_ == nullptr) return CountDrop(counters_, turn::DropReason::kMalformed);
  if (DtlsAcceptor::ShowsCookie(datagram)) return Enqueue(carrier, datagram);
  Judge(carrier, datagram);
}

// Such a handshake begins with a signature, as slow as hundreds of packets. Between two of them the
// shard does everything else that there is.
void DtlsService::Enqueue(const turn::Client& carrier, base::Bytes hello) {
  if (hellos_.size() >= kMaxWaitingHellos) {
    counters_.connections_refused[LabelIndex(ConnectionRefusal::kHandshakeLimit)].Add();
    return;
  }
  hellos_.push_back({carrier, {hello.begin(), hello.end()}});
  if (hellos_.size() == 1) boost::asio::post(io_, [this] { ServeHello(); });
}

void DtlsService::ServeHello() {
  if (hellos_.empty()) return;  // EndAll has been called meanwhile
  WaitingHello hello = std::move(hellos_.front());
  hellos_.pop_front();
  if (!hellos_.empty()) boost::asio::post(io_, [this] { ServeHello(); });
  clock_.Refresh();
  if (acceptor_ != nullptr) Judge(hello.carrier, hello.datagram);
  queue_.Flush();
  if (serve_datagrams_) serve_datagrams_();
}

void DtlsService::Judge(const turn::Client& carrier, base::MutableBytes datagram) {
  const auto known = by_carrier_.find(carrier.five_tuple);
  if (known == by_carrier_.end()) return Greet(carrier, datagram);
  Association& association = *associations_.at(known->second);
  if (!BeginsWithClientHello(datagram)) return Receive(association, datagram);
  // A client that begins anew from the same address proves it by a cookie first (RFC 6347 section
  // 4.2.8); a late copy of its own beginning means that our answer was lost, or nothing at all.
  if (!association.session->IsOwnClientHello(datagram)) return Greet(carrier, datagram);
  if (association.session->state() == DtlsSession::State::kHandshake)
    Receive(association, datagram);
}

void DtlsService::Greet(const turn::Client& carrier, base::MutableBytes datagram) {
  const base::FiveTuple& five_tuple = carrier.five_tuple;
  if (turn::IsRefusedClient(*policy_, five_tuple))
    return CountDrop(counters_, turn::DropReason::kClientDenied);
  ToCarrier sink(forwarder_, carrier);
  auto session = acceptor_->Receive(datagram, five_tuple.client, five_tuple.server,
                                    clock_.now().monotonic, sink);
  if (session == nullptr) return;
  const auto former = by_carrier_.find(five_tuple);
  if (former != by_carrier_.end()) Remove(former->second);
  if (!census_.Enter(five_tuple.client.address)) {
    counters_.connections_refused[LabelIndex(ConnectionRefusal::kSourceLimit)].Add();
    return;
  }
  Insert(carrier, std::move(session));
}

void DtlsService::Insert(const turn::Client& carrier, std::unique_ptr<DtlsSession> session) {
  if (handshakes_.size() >= kMaxHandshakes) {
    counters_.connections_refused[LabelIndex(ConnectionRefusal::kHandshakeLimit)].Add();
    Remove(handshakes_.front());
  }
  // Allocations that end all at once leave more than there may be.
  for (int i = 0; i < kMakeRoomFor && strangers_ >= max_strangers_; ++i) EndOldestStranger();
  while (associations_.contains(next_handle_)) ++next_handle_;
  const std::uint32_t handle = next_handle_++;
  turn::Client client{carrier.five_tuple, {handle}};
  client.five_tuple.transport = base::Transport::kDtls;
  const base::MonotonicTime now = clock_.now().monotonic;
  associations_[handle] = std::make_unique<Association>(
      Association{.client = client,
                  .carrier = carrier,
                  .session = std::move(session),
                  .liveness = ClientLiveness(now),
                  .began = now,
                  .handshake = handshakes_.insert(handshakes_.end(), handle),
                  .is_in_handshakes = true});
  ++strangers_;
  by_carrier_[carrier.five_tuple] = handle;
  proxied_.AddHolds(carrier.handle, 1);
  counters_.connections[LabelIndex(base::Transport::kDtls)].Add(1);
  counters_.connections_accepted[LabelIndex(base::Transport::kDtls)].Add();
}

void DtlsService::Receive(Association& association, base::MutableBytes datagram) {
  const std::uint32_t handle = association.client.handle.value;
  DtlsSession& session = *association.session;
  ToCarrier sink(forwarder_, association.carrier);
  session.Receive(datagram, sink);
  if (session.state() == DtlsSession::State::kOpen && association.is_in_handshakes) {
    EndHandshake(association, HandshakeOutcome::kSuccess);
    association.liveness = ClientLiveness(clock_.now().monotonic);
  }
  std::size_t used = 0;
  while (session.state() == DtlsSession::State::kOpen) {
    const auto bytes = session.Read(datagram.subspan(used), sink);
    if (!bytes) break;
    OnMessage(association, datagram.subspan(used, *bytes));
    used += *bytes;
  }
  if (session.state() == DtlsSession::State::kClosed) Remove(handle);
}

void DtlsService::OnMessage(Association& association, base::Bytes message) {
  const turn::Client& client = association.client;
  association.liveness.OnMessage(clock_.now().monotonic);
  switch (stun::Classify(message, last_channel_first_octet_)) {
    case stun::PacketKind::kChannelData:
      if (const auto data = stun::ParseChannelData(message))
        return forwarder_.FromClient(client.five_tuple, *data, clock_.now().monotonic);
      break;
    case stun::PacketKind::kStun:
      if (engine_->OnMessage(client, message, clock_.now()) == turn::Engine::Outcome::kValid)
        association.liveness.OnValidMessage();
      return;
    case stun::PacketKind::kDtls:
    case stun::PacketKind::kOther:
      break;
  }
  CountDrop(counters_, turn::DropReason::kMalformed);
}

void DtlsService::Send(turn::ClientHandle handle, base::Bytes message) {
  const auto found = associations_.find(handle.value);
  if (found == associations_.end()) return;
  Association& association = *found->second;
  if (message.size() > DtlsSession::kMaxMessageBytes)
    return CountDrop(counters_, turn::DropReason::kTooLarge);
  ToCarrier sink(forwarder_, association.carrier);
  if (!association.session->Send(message, sink))
    CountDrop(counters_, turn::DropReason::kSendFailed);
}

void DtlsService::AddAllocations(turn::ClientHandle handle, int delta) {
  const auto found = associations_.find(handle.value);
  if (found == associations_.end()) return;
  ClientLiveness& liveness = found->second->liveness;
  const bool was_stranger = !liveness.has_allocation();
  liveness.AddAllocations(delta);
  if (was_stranger && liveness.has_allocation()) --strangers_;
  if (!was_stranger && !liveness.has_allocation()) ++strangers_;
}

void DtlsService::EndOldestStranger() {
  // Numbers go up, but for one turn in four thousand million.
  std::optional<std::uint32_t> oldest;
  for (const auto& [handle, association] : associations_) {
    if (!association->liveness.has_allocation()) oldest = std::min(oldest.value_or(handle), handle);
  }
  if (!oldest) return;
  counters_.connections_refused[LabelIndex(ConnectionRefusal::kMemory)].Add();
  Remove(*oldest);
}

void DtlsService::Advance() {
  const base::MonotonicTime now = clock_.now().monotonic;
  std::vector<std::uint32_t> over;
  for (const auto& [handle, association] : associations_) {
    if (association->is_in_handshakes) {
      ToCarrier sink(forwarder_, association->carrier);
      association->session->Advance(sink);
      const bool is_late = now - association->began > kHandshakeTimeout;
      if (is_late) EndHandshake(*association, HandshakeOutcome::kTimeout);
      if (is_late || association->session->state() == DtlsSession::State::kClosed)
        over.push_back(handle);
    } else if (association->session->state() == DtlsSession::State::kClosed ||
               association->liveness.IsOverdue(now)) {
      over.push_back(handle);
    }
  }
  for (const std::uint32_t handle : over) Remove(handle);
}

void DtlsService::EndAll() {
  hellos_.clear();
  while (!associations_.empty()) Remove(associations_.begin()->first);
}

void DtlsService::EndHandshake(Association& association, HandshakeOutcome outcome) {
  handshakes_.erase(association.handshake);
  association.is_in_handshakes = false;
  counters_.tls_handshakes[LabelIndex(outcome)].Add();
}

void DtlsService::Remove(std::uint32_t handle) {
  const auto found = associations_.find(handle);
  const std::unique_ptr<Association> association = std::move(found->second);
  associations_.erase(found);
  if (!association->liveness.has_allocation()) --strangers_;
  by_carrier_.erase(association->carrier.five_tuple);
  proxied_.AddHolds(association->carrier.handle, -1);
  if (association->is_in_handshakes) EndHandshake(*association, HandshakeOutcome::kFailure);
  if (association->session->state() == DtlsSession::State::kOpen) {
    ToCarrier sink(forwarder_, association->carrier);
    association->session->Close(sink);
  }
  census_.Leave(association->client.five_tuple.client.address);
  counters_.connections[LabelIndex(base::Transport::kDtls)].Add(-1);
  engine_->OnClientGone(association->client, clock_.now());
}

}  // namespace relay
