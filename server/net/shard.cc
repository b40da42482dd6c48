#include "server/net/shard.h"

#include <utility>

#include "protocol/base/check.h"

namespace relay {
namespace {

std::vector<ListenerSocket> ForForwarder(const std::vector<UdpListener>& listeners) {
  std::vector<ListenerSocket> sockets;
  for (const UdpListener& listener : listeners) {
    sockets.push_back({listener.socket.get(), listener.family, listener.is_wildcard});
  }
  return sockets;
}

}  // namespace

Shard::Shard(Options options, turn::Ledger& ledger, ConnectionCensus& census)
    : io_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      mailbox_(io_, *this),
      udp_listeners_(std::move(options.udp_listeners)),
      queue_(counters_.dropped_packets[LabelIndex(turn::DropReason::kSendFailed)]),
      forwarder_(ledger, ForForwarder(udp_listeners_), options.limits, queue_, counters_),
      streams_(io_, forwarder_, queue_, census, counters_, clock_),
      datagrams_(udp_listeners_, forwarder_, queue_, streams_, counters_, clock_),
      poller_(io_, [this](std::span<const int> sockets) { datagrams_.OnReady(sockets); }),
      effects_(forwarder_, streams_, poller_, counters_, clock_),
      engine_(options.policy, options.credentials, options.nonce_key, ledger, random_, effects_,
              options.nonce_origin),
      tick_(io_) {
  ApplyChannelRange(*options.policy);
  streams_.SetEngine(&engine_);
  datagrams_.SetEngine(&engine_);
  for (const UdpListener& listener : udp_listeners_) CHECK(poller_.Add(listener.socket.get()));
  for (TcpListener& listener : options.tcp_listeners) {
    stream_listeners_.push_back(std::make_unique<StreamListener>(
        io_, std::move(listener.socket), listener.transport, streams_, counters_));
  }
}

void Shard::Run() {
  poller_.Start();
  for (const auto& listener : stream_listeners_) listener->Start();
  Tick();
  io_.run();
}

void Shard::Tick() {
  tick_.expires_after(kTick);
  tick_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    clock_.Refresh();
    engine_.Advance(clock_.now());
    queue_.Flush();
    streams_.CloseOverdue();
    Tick();
  });
}

void Shard::ApplyChannelRange(const turn::Policy& policy) {
  const std::uint8_t octet =
      policy.channel_numbers == turn::Policy::ChannelNumbers::kRfc5766 ? 0x7f : 0x4f;
  streams_.SetLastChannelFirstOctet(octet);
  datagrams_.SetLastChannelFirstOctet(octet);
}

void Shard::SetPolicy(std::shared_ptr<const turn::Policy> policy) {
  ApplyChannelRange(*policy);
  clock_.Refresh();
  engine_.SetPolicy(std::move(policy), clock_.now());
}

void Shard::Stop() {
  clock_.Refresh();
  engine_.CloseAll(clock_.now());
  queue_.Flush();
  io_.stop();
}

}  // namespace relay
