#include "server/net/stream_service.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "protocol/stun/channel_data.h"
#include "protocol/stun/stream_framer.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/datapath/userspace/traffic_counts.h"

namespace relay {

using boost::asio::ip::tcp;

StreamService::StreamService(boost::asio::io_context& io, Forwarder& forwarder, SendQueue& queue,
                             ConnectionCensus& census, ShardCounters& counters, ShardClock& clock)
    : io_(io),
      forwarder_(forwarder),
      queue_(queue),
      census_(census),
      counters_(counters),
      clock_(clock),
      scratch_(2 * std::size_t{stun::StreamFramer::kMaxFrameBytes}) {}

StreamService::~StreamService() {
  for (const auto& [handle, connection] : connections_) {
    census_.Leave(connection->client().five_tuple.client.address);
  }
}

void StreamService::Accept(tcp::socket socket, base::Transport transport) {
  SocketAddress remote;
  remote.length = sizeof(remote.v6);
  if (::getpeername(socket.native_handle(), &remote.generic, &remote.length) != 0) return;
  turn::Client client;
  client.five_tuple = {ToEndpoint(remote.generic), LocalEndpoint(socket.native_handle()),
                       transport};
  if (!census_.Enter(client.five_tuple.client.address)) {
    counters_.connections_refused[LabelIndex(ConnectionRefusal::kSourceLimit)].Add();
    return;
  }
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  while (connections_.contains(next_handle_)) ++next_handle_;
  client.handle = {next_handle_++};
  clock_.Refresh();
  auto connection =
      std::make_unique<StreamConnection>(*this, std::move(socket), client, now().monotonic);
  StreamConnection& accepted = *connection;
  connections_.emplace(client.handle.value, std::move(connection));
  counters_.connections[LabelIndex(transport)].Add(1);
  counters_.connections_accepted[LabelIndex(transport)].Add();
  accepted.Start();
}

StreamConnection* StreamService::Find(turn::ClientHandle handle) {
  const auto found = connections_.find(handle.value);
  return found == connections_.end() ? nullptr : found->second.get();
}

void StreamService::ScheduleClose(turn::ClientHandle handle) {
  boost::asio::post(io_, [this, handle] { Close(handle); });
}

void StreamService::Close(turn::ClientHandle handle) {
  const auto found = connections_.find(handle.value);
  if (found == connections_.end()) return;
  const std::unique_ptr<StreamConnection> connection = std::move(found->second);
  connections_.erase(found);
  const turn::Client& client = connection->client();
  census_.Leave(client.five_tuple.client.address);
  counters_.connections[LabelIndex(client.five_tuple.transport)].Add(-1);
  clock_.Refresh();
  engine_->OnClientGone(client, now());
}

void StreamService::CloseOverdue() {
  for (const auto& [handle, connection] : connections_) {
    if (connection->IsOverdue(now().monotonic)) ScheduleClose({handle});
  }
}

bool StreamService::OnMessage(const turn::Client& client, base::Bytes message) {
  return engine_->OnMessage(client, message, now()) == turn::Engine::Outcome::kValid;
}

void StreamService::OnChannelData(const turn::Client& client, base::Bytes message) {
  const auto data = stun::ParseChannelData(message);
  if (!data) {
    CountDrop(counters_, turn::DropReason::kMalformed);
    return;
  }
  forwarder_.FromClient(client.five_tuple, *data, now().monotonic);
}

void StreamService::CountQueueDrop() { CountDrop(counters_, turn::DropReason::kQueueFull); }

}  // namespace relay
