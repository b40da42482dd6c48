#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "server/datapath/userspace/flood_filter.h"

namespace relay {

// What the limits said about an allocation's datagrams in one direction, in this period.
struct FlowGauge {
  std::uint32_t admitted = 0;
  std::uint32_t refused = 0;
};

// Of what a flood sends, most is refused for a limit, and to read it first costs what calls beside
// it need. So the system throws away most of it where it arrives (SetFloodFilter). What is kept is
// at random, and twice what the limits let through: they, and not this, decide about the rate, and
// a flood that ends is seen.
//
// Only what a filter can tell apart may be shown to this: ChannelData over plain UDP, and datagrams
// of peers.
//
// A period is the time between two calls of Step, some tenths of a second. One thread.
class FloodGuard {
 public:
  // With fewer refused in a period, it is no flood.
  static constexpr std::uint32_t kLeastRefused = 500;
  // Kept in any case, however little is let through.
  static constexpr std::uint32_t kSpare = 50;
  // At the same time; others are read and refused.
  static constexpr std::size_t kMostFlows = 16;

  // Called before what a socket loses means something else: until then it lost what found no room
  // in its buffer, from then on what it was not to keep, or the other way round.
  using BeforeChange = std::function<void(int socket)>;
  explicit FloodGuard(BeforeChange before_change) : before_change_(std::move(before_change)) {}

  // A datagram was refused, of what arrives at this socket from this client, or from anybody. What
  // is not refused, the caller counts in the gauge, which stays until Forget.
  void OnRefused(FlowGauge& gauge, int socket, const std::optional<FloodClient>& client);
  // The gauge goes; its socket takes everything again.
  void Forget(const FlowGauge& gauge);
  void Step();
  // Forgets all: the sockets are somebody else's soon.
  void Clear();

  // Whether what this socket loses is a flood's.
  bool Filters(int socket) const;

 private:
  struct Flow {
    FlowGauge* gauge;
    int socket;
    std::optional<FloodClient> client;
    std::uint32_t keep = FloodSource::kAll;
  };

  std::vector<Flow>::iterator Find(const FlowGauge& gauge);
  void Watch(FlowGauge& gauge, int socket, const std::optional<FloodClient>& client);
  static std::uint32_t KeepOf(const Flow& flow);
  // A client with relays of both families may flood both, and the filter knows one from the other
  // only by their client: the larger part is kept of each.
  void ShareAmongClients();
  std::vector<FloodSource> SourcesOf(int socket) const;
  // What is to be filtered there has changed. Where the system has no room for it, nothing is.
  void Apply(int socket);

  BeforeChange before_change_;
  std::vector<Flow> flows_;
  std::vector<int> filtered_;  // sockets
};

}  // namespace relay
