#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/base/result.h"
#include "server/datapath/kernel/network_state.h"
#include "server/datapath/kernel/owned_descriptor.h"

namespace relay {

// What has changed in the network since the last look.
struct NetworkChanges {
  std::vector<Neighbour> neighbours;  // in the order in which they changed
  // Interfaces, addresses, routes or rules, or too much at once to be told: nothing that is known
  // can be trusted, the neighbours included.
  bool is_everything = false;
};

// Hears of changes by rtnetlink notifications. One thread at a time.
class NetworkWatch {
 public:
  // In the network namespace of the calling thread.
  static base::Result<NetworkWatch> Open();

  int descriptor() const { return socket_.get(); }  // readable: something has changed
  // Everything up to now; never blocks.
  NetworkChanges Read();

 private:
  explicit NetworkWatch(OwnedDescriptor socket);

  OwnedDescriptor socket_;
  std::unique_ptr<std::array<std::uint8_t, 65536>> buffer_;
};

}  // namespace relay
