#include <algorithm>
#include <utility>

#include "protocol/turn/client_filter.h"
#include "server/net/socket_protocol.h"
#include "server/net/stream_service.h"

// What stream clients of a shard another process takes over, and what becomes of those that it has
// taken over from one (docs/adr/0018).
namespace relay {

using boost::asio::ip::tcp;

std::vector<ConnectionImage> StreamService::TakeImages() {
  std::vector<ConnectionImage> images;
  for (const auto& [handle, connection] : connections_) {
    SocketConnection* const socket = FindSocket({handle});
    if (socket == nullptr) continue;
    if (auto image = socket->TakeImage()) images.push_back(*std::move(image));
  }
  return images;
}

void StreamService::GiveAway(turn::ClientHandle handle) {
  SocketConnection* const connection = FindSocket(handle);
  if (connection == nullptr) return;
  auto detached = connection->Detach();
  detached.socket.Close();
  connections_.erase(handle.value);
  Vacate(handle.value);
}

bool StreamService::Adopt(ConnectionImage image, Descriptor& socket) {
  const turn::Client client = image.client;
  const std::uint32_t handle = client.handle.value;
  if (seats_.Has(handle)) return false;
  tcp::socket adopted(io_, ProtocolOf(socket.get()), socket.get());
  socket.Release();
  const base::Transport transport = client.five_tuple.transport;
  const base::IpAddress& source = client.five_tuple.client.address;
  seats_.Take(handle, transport);
  seats_.AdmitBeyondLimit(handle, source);
  connections_.emplace(handle,
                       std::make_unique<SocketConnection>(*this, StreamSocket(std::move(adopted)),
                                                          std::move(image), now().monotonic));
  // Numbers tell who came first.
  next_handle_ = std::max(next_handle_, handle + 1);
  adopted_.push_back(client.handle);
  return true;
}

void StreamService::StartAdopted() {
  for (const turn::ClientHandle handle : std::exchange(adopted_, {})) {
    StreamConnection* const connection = Find(handle);
    if (connection == nullptr) continue;
    if (turn::IsRefusedClient(*policy_, connection->client().five_tuple)) {
      ScheduleClose(handle);
    } else {
      connection->Start();
      ChargeIfStranger(*connection);
    }
  }
}

}  // namespace relay
