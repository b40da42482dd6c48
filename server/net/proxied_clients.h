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
        first_handle_(static_cast<std::uint32_t>(forwarder.listener_count())),
        next_handle_(first_handle_) {}

  // Where a datagram came in: the listener by its number, the proxy's address and the local one.
  struct Arrival {
    std::uint32_t listener;
    base::Endpoint proxy;
    base::Endpoint local;
  };
  // Whose datagram this is, with the proxy as the server's end of its 5-tuple; takes the header
  // off. nullopt: a broken header, none where none has come before, or no room.
  std::optional<turn::Client> Resolve(const Arrival& arrival, base::MutableBytes& datagram,
                                      base::MonotonicTime now);

  // The client has so many allocations and DTLS associations more, or fewer: with any it is not
  // forgotten. Ignores clients of other services.
  void AddHolds(turn::ClientHandle handle, int delta);

  // Whether there is still a way to the client; true for clients of other services.
  bool Has(turn::ClientHandle handle) const {
    return handle.value < first_handle_ || by_handle_.contains(handle.value);
  }

  // Forgets those without a hold that have been silent for kIdleTimeout.
  void Expire(base::MonotonicTime now);

  std::size_t size() const { return by_flow_.size(); }

  static constexpr std::size_t kMaxClients = 65536;
  static constexpr std::chrono::hours kIdleTimeout{2};  // behind a header for each source port

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
    int holds = 0;
  };
  using Entries = std::list<Entry>;

  // end(): all are held.
  Entries::iterator FindOrInsert(const Flow& flow, const Arrival& arrival, base::MonotonicTime now);
  void Touch(Entries::iterator entry, base::MonotonicTime now);
  void Forget(Entries::iterator entry);

  Forwarder& forwarder_;
  std::uint32_t first_handle_;  // the lower ones are listeners
  std::uint32_t next_handle_;
  Entries entries_;  // without a hold, the longest silent first
  Entries held_;
  std::unordered_map<std::uint32_t, Entries::iterator> by_handle_;
  std::unordered_map<Flow, Entries::iterator, FlowHash> by_flow_;
  // The last client that a proxy's source port has named.
  std::unordered_map<Source, Entries::iterator, FlowHash> by_source_;
};

}  // namespace relay
