#include "server/net/connected_clients.h"

#include "server/net/dtls_service.h"
#include "server/net/proxied_clients.h"
#include "server/net/stream_service.h"

namespace relay {
namespace {

bool IsDtls(const turn::Client& client) {
  return client.five_tuple.transport == base::Transport::kDtls;
}

}  // namespace

bool ConnectedClients::Has(const turn::Client& client) const {
  if (client.five_tuple.transport == base::Transport::kUdp) return proxied_.Has(client.handle);
  return IsDtls(client) ? dtls_.Has(client.handle) : streams_.Find(client.handle) != nullptr;
}

void ConnectedClients::SendControl(const turn::Client& client, base::Bytes message) {
  if (IsDtls(client)) return dtls_.SendControl(client.handle, message);
  if (StreamConnection* connection = streams_.Find(client.handle)) connection->SendControl(message);
}

void ConnectedClients::SendData(const turn::Client& client, base::Bytes message) {
  if (IsDtls(client)) return dtls_.SendData(client.handle, message);
  if (StreamConnection* connection = streams_.Find(client.handle)) connection->SendData(message);
}

void ConnectedClients::FlushData() { streams_.FlushData(); }

void ConnectedClients::AddAllocations(const turn::Client& client, int delta) {
  if (client.five_tuple.transport == base::Transport::kUdp)
    return proxied_.AddHolds(client.handle, delta);
  if (IsDtls(client)) return dtls_.AddAllocations(client.handle, delta);
  if (StreamConnection* connection = streams_.Find(client.handle))
    connection->AddAllocations(delta);
}

}  // namespace relay
