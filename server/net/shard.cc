#include "server/net/shard.h"

#include <utility>

#include "protocol/base/check.h"

namespace relay {
namespace {

std::vector<ListenerSocket> ForForwarder(const std::vector<UdpListener>& listeners) {
  std::vector<ListenerSocket> sockets;
  sockets.reserve(listeners.size());
  for (const UdpListener& listener : listeners) {
    sockets.push_back({listener.socket.get(), listener.family, listener.is_wildcard});
  }
  return sockets;
}

}  // namespace

Shard::Shard(Options options, turn::Ledger& ledger, ConnectionCensus& census,
             AllocationMeters& meters, OwnRelays& own_relays)
    : io_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      mailbox_(io_, *this),
      udp_listeners_(std::move(options.udp_listeners)),
      queue_(counters_.dropped_packets[LabelIndex(turn::DropReason::kSendFailed)],
             counters_.dropped_packets[LabelIndex(turn::DropReason::kBufferFull)]),
      forwarder_(ledger, ForForwarder(udp_listeners_), options.limits, options.shared_buckets,
                 queue_, counters_, own_relays),
      routes_(forwarder_, static_cast<std::uint32_t>(forwarder_.listener_count())),
      own_shared_buckets_(options.shared_buckets),
      proxied_(forwarder_),
      streams_(io_, forwarder_, queue_, census, counters_, clock_, options.memory),
      dtls_(io_, forwarder_, queue_, proxied_, census, counters_, clock_, random_, options.memory),
      joined_(
          io_, meters, options.limits, options.shared_buckets, counters_, clock_,
          {.on_ended = [this](turn::ConnectionId id) { engine_.OnJoinedEnded(id); },
           .on_client_gone = [this](turn::ClientHandle client) { streams_.Vacate(client.value); }}),
      tcp_relays_(io_, streams_, joined_, clock_),
      connected_(streams_, dtls_, proxied_),
      datagrams_(udp_listeners_, forwarder_, queue_, connected_, dtls_, proxied_, counters_,
                 clock_),
      poller_(io_, options.busy_poll,
              [this](std::span<const PacketPoller::Ready> sockets, std::uint8_t round) {
                const PacketPoller::Served served = ServeDatagrams(sockets, round);
                StepHandovers();
                return served;
              }),
      usage_([this, &meters](turn::RelayHandle relay, std::uint64_t allocation_id) {
        RelayTraffic traffic = routes_.TakeTraffic(relay);
        traffic += meters.TakeTraffic(allocation_id);
        return traffic;
      }),
      effects_(forwarder_, routes_, connected_, poller_, counters_, clock_, options.hop_limits,
               usage_, meters),
      engine_(options.policy, options.credentials, options.nonce_key, ledger, random_, effects_,
              options.nonce_origin, options.index),
      meters_(meters),
      index_(options.index.value),
      tick_(io_),
      handover_tick_(io_) {
  if (options.discovery) engine_.SetDiscovery(*options.discovery);
  ApplyPolicy(options.policy);
  SetTls(std::move(options.tls));
  engine_.SetTcpEffects(tcp_relays_);
  tcp_relays_.SetEngine(&engine_);
  forwarder_.SetOnUnrouted(
      [this](const base::FiveTuple& client, const stun::ChannelDataView& message) {
        return OnUnrouted(client, message);
      });
  streams_.SetEngine(&engine_);
  streams_.SetServeDatagrams([this] { poller_.ServeOnce(); });
  dtls_.SetServeDatagrams([this] { poller_.ServeOnce(); });
  dtls_.SetEngine(&engine_);
  datagrams_.SetEngine(&engine_);
  for (const UdpListener& listener : udp_listeners_) {
    EnableIpFields(listener.socket.get(), listener.family, options.hop_limits);
    CHECK(poller_.Add(listener.socket.get()));
  }
  for (TcpListener& listener : options.tcp_listeners) {
    stream_listeners_.push_back(std::make_unique<StreamListener>(
        io_, std::move(listener.socket), std::move(listener.entrance), streams_, counters_));
  }
}

void Shard::Run() {
  forwarder_.Start();
  poller_.Start();
  for (const auto& listener : stream_listeners_) listener->Start();
  clock_.Refresh();
  streams_.StartAdopted();
  Tick();
  io_.run();
}

void Shard::Tick() {
  tick_.expires_after(kTick);
  tick_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    clock_.Refresh();
    engine_.Advance(clock_.now());
    streams_.CloseOverdue();
    joined_.CloseOverdue();
    dtls_.Advance();
    proxied_.Expire(clock_.now().monotonic);
    forwarder_.StepFloods();
    queue_.Flush();
    StepHandovers();
    effects_.Advance();
    Tick();
  });
}

PacketPoller::Served Shard::ServeDatagrams(std::span<const PacketPoller::Ready> sockets,
                                           std::uint8_t round) {
  const Forwarder::Round in_hand(forwarder_);
  return datagrams_.OnReady(sockets, round);
}

turn::Unrouted Shard::OnUnrouted(const base::FiveTuple& client,
                                 const stun::ChannelDataView& message) {
  const bool has_asked = datagrams_.AnswerOwn(client);
  const turn::Unrouted answer =
      engine_.OnUnroutedChannelData(client, message.channel, message.data, clock_.now());
  return has_asked && answer == turn::Unrouted::kNobodys ? turn::Unrouted::kRouted : answer;
}

void Shard::StepHandovers() {
  Handovers& handovers = forwarder_.handovers();
  if (handovers.empty()) return;
  queue_.Flush();
  handovers.Step([] { return base::ReadClocks().monotonic; });
  if (handovers.empty() || has_handover_tick_) return;
  // Those that are silent now wake nobody.
  has_handover_tick_ = true;
  handover_tick_.expires_after(kHandoverTick);
  handover_tick_.async_wait([this](boost::system::error_code error) {
    has_handover_tick_ = false;
    if (!error) StepHandovers();
  });
}

void Shard::ApplyPolicy(std::shared_ptr<const turn::Policy> policy) {
  const std::uint8_t octet =
      policy->channel_numbers == turn::Policy::ChannelNumbers::kRfc5766 ? 0x7f : 0x4f;
  streams_.SetLastChannelFirstOctet(octet);
  dtls_.SetLastChannelFirstOctet(octet);
  datagrams_.SetLastChannelFirstOctet(octet);
  streams_.SetPolicy(policy);
  dtls_.SetPolicy(std::move(policy));
}

void Shard::SetTls(std::shared_ptr<const TlsContext> tls) {
  streams_.SetTls(tls);
  dtls_.SetTls(std::move(tls));
}

void Shard::SetPolicy(std::shared_ptr<const turn::Policy> policy) {
  clock_.Refresh();
  ApplyPolicy(policy);
  engine_.SetPolicy(std::move(policy), clock_.now());
}

void Shard::SetRevocations(std::shared_ptr<const turn::Revocations> revocations) {
  clock_.Refresh();
  engine_.SetRevocations(std::move(revocations), clock_.now());
  queue_.Flush();
}

std::vector<UsageRecord> Shard::TakeUsage() {
  clock_.Refresh();
  return usage_.Take(clock_.now());
}

void Shard::CollectSessions(SessionFilter filter, SessionCollector::Sink sink) {
  StepSessions(std::make_shared<SessionCollector>(engine_, std::move(filter), std::move(sink)));
}

void Shard::StepSessions(const std::shared_ptr<SessionCollector>& collector) {
  clock_.Refresh();
  if (!collector->Step(engine_, usage_, clock_.now())) return;
  mailbox_.Post([collector](Shard& shard) { shard.StepSessions(collector); });
}

bool Shard::Disconnect(std::uint64_t allocation_id) {
  clock_.Refresh();
  const bool is_done = engine_.Disconnect(allocation_id, clock_.now());
  queue_.Flush();
  return is_done;
}

void Shard::OnEngineMessage(turn::EngineMessage message) {
  clock_.Refresh();
  engine_.OnEngineMessage(std::move(message), clock_.now());
  queue_.Flush();
}

void Shard::SetSettings(const ShardSettings& settings) {
  forwarder_.SetLimits(settings.limits);
  joined_.SetLimits(settings.limits);
  engine_.SetCredentials(settings.credentials);
  SetPolicy(settings.policy);
}

void Shard::SetKernelDatapath(std::shared_ptr<Datapath> kernel) {
  usage_.CountTraffic();  // the former datapath is detached: it has counted all that it will
  unshown_routes_ = forwarder_.ListRoutes();
  for (const turn::RouteKey& key : unshown_routes_) forwarder_.SetShare(key, std::nullopt);
  if (kernel == nullptr) unshown_routes_.clear();
  auto shared = kernel == nullptr ? nullptr : kernel->shared_buckets();
  if (shared == nullptr) shared = own_shared_buckets_;
  forwarder_.SetSharedBuckets(shared);
  joined_.SetSharedBuckets(shared);
  routes_.SetKernel(std::move(kernel));
  ShowRoutesToKernel();
}

void Shard::ShowRoutesToKernel() {
  constexpr std::size_t kAtOnce = 32;
  for (std::size_t i = 0; i < kAtOnce && !unshown_routes_.empty(); ++i) {
    if (const auto route = forwarder_.FindRoute(unshown_routes_.back())) routes_.ShowKernel(*route);
    unshown_routes_.pop_back();
  }
  if (unshown_routes_.empty()) return;
  mailbox_.Post([](Shard& shard) { shard.ShowRoutesToKernel(); });
}

void Shard::Stop() {
  clock_.Refresh();
  engine_.CloseAll(clock_.now());
  effects_.FinishLog();
  queue_.Flush();
  io_.stop();
}

}  // namespace relay
