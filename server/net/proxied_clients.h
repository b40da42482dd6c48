#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

#include "protocol/base/bytes.h"
#include "protocol/base/five_tuple.h"
#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"
#include "protocol/turn/addresses.h"
#include "server/datapath/userspace/forwarder.h"

namespace relay {

// Clients over UDP behind proxies that put a PROXY protocol header in front of datagrams: in front
// of each, or of the first of a source port. Remembers for each client by which proxy its answers
// go; only what trusted proxies send gets here. Shard's thread only.
class ProxiedClients {
 public:
  // `forwarder` must outlive this.
  explicit ProxiedClients(Forwarder& forwarder)
      : forwarder_(forwarder),
        next_handle_(static_cast<std::uint32_t>(forwarder.listener_count())) {}

  // Where a datagram came in: the listener by its number, the proxy's address and the local one.
  struct Arrival {
    std::uint32_t listener;
    base::Endpoint proxy;
    base::Endpoint local;
  };
  // Whose datagram this is, with the proxy as the server's end of its 5-tuple; takes the header
  // off. nullopt: a broken header, or none where none has come before.
  std::optional<turn::Client> Resolve(const Arrival& arrival, base::MutableBytes& datagram,
                                      base::MonotonicTime now);

  // Forgets those that have been silent for kIdleTimeout: longer than any allocation lives
  // unrefreshed.
  void Expire(base::MonotonicTime now);

  std::size_t size() const { return by_flow_.size(); }

  static constexpr std::size_t kMaxClients = 65536;
  static constexpr std::chrono::hours kIdleTimeout{2};

 private:
  struct Flow {
    std::uint32_t listener;
    base::Endpoint proxy;
    base::FiveTuple client;

    friend bool operator==(const Flow&, const Flow&) = default;
  };
  struct Source {
    std::uint32_t listener;
    base::Endpoint proxy;

    friend bool operator==(const Source&, const Source&) = default;
  };
  struct FlowHash {
    std::size_t operator()(const Flow& flow) const noexcept;
    std::size_t operator()(const Source& source) const noexcept;
  };
  struct Entry {
    Flow flow;
    turn::ClientHandle handle;
    base::MonotonicTime last_seen;
  };
  using Entries = std::list<Entry>;

  Entries::iterator FindOrInsert(const Flow& flow, const Arrival& arrival, base::MonotonicTime now);
  void Forget(Entries::iterator entry);

  Forwarder& forwarder_;
  std::uint32_t next_handle_;
  Entries entries_;  // the longest silent first
  std::unordered_map<Flow, Entries::iterator, FlowHash> by_flow_;
  // The last client that a proxy's source port has named.
  std::unordered_map<Source, Entries::iterator, FlowHash> by_source_;
};

}  // namespace relay
