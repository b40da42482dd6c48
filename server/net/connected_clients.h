#pragma once

#include "protocol/base/bytes.h"
#include "protocol/turn/addresses.h"

namespace relay {

class DtlsService;
class ProxiedClients;
class StreamService;

// The clients of a shard that have a connection or an association: everybody but those over plain
// UDP. Finds the one that a message is for. Shard's thread only.
class ConnectedClients {
 public:
  // All must outlive this.
  ConnectedClients(StreamService& streams, DtlsService& dtls, ProxiedClients& proxied)
      : streams_(streams), dtls_(dtls), proxied_(proxied) {}

  // Whether the client still has its connection or association, or the way through a proxy; always
  // over UDP without one.
  bool Has(const turn::Client& client) const;
  // Dropped when the client is gone meanwhile.
  void SendControl(const turn::Client& client, base::Bytes message);
  // Octets must stay where they are until FlushData.
  void SendData(const turn::Client& client, base::Bytes message);
  // At the end of each batch of datagrams.
  void FlushData();
  // Clients without an allocation may not be silent for ever. Here also those over plain UDP, of
  // which some are known by a proxy.
  void AddAllocations(const turn::Client& client, int delta);

 private:
  StreamService& streams_;
  DtlsService& dtls_;
  ProxiedClients& proxied_;
};

}  // namespace relay
