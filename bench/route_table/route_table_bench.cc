#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "server/datapath/userspace/route_table.h"

// What it costs to find a packet's route, by either direction, and to install and remove one. The
// argument is the number of routes; lookups go through them in an order that no cache foresees.
namespace relay {
namespace {

constexpr std::uint32_t kStride = 7919;  // a prime that divides no number of routes here

base::IpAddress AddressOf(std::uint32_t number) {
  return base::IpAddress::FromV4({10, static_cast<std::uint8_t>(number >> 16),
                                  static_cast<std::uint8_t>(number >> 8),
                                  static_cast<std::uint8_t>(number)});
}

RouteEntry EntryOf(std::uint32_t number) {
  RouteEntry entry{};
  entry.client.five_tuple = {{AddressOf(number), 40000},
                             {base::IpAddress::FromV4({192, 0, 2, 1}), 3478},
                             base::Transport::kUdp};
  entry.channel = stun::ChannelNumber{0x4000};
  entry.handle = {static_cast<std::int32_t>(number)};
  entry.peer = {{base::IpAddress::FromV4({198, 51, 100, 1}), 5000}};
  return entry;
}

std::vector<RouteEntry> Entries(const benchmark::State& state) {
  std::vector<RouteEntry> entries;
  const auto count = static_cast<std::uint32_t>(state.range(0));
  for (std::uint32_t i = 0; i < count; ++i) entries.push_back(EntryOf(i));
  return entries;
}

class Turns {
 public:
  explicit Turns(std::size_t count) : count_(count) {}
  std::size_t Next() { return at_ = (at_ + kStride) % count_; }

 private:
  std::size_t count_;
  std::size_t at_ = 0;
};

void FindByChannel(benchmark::State& state) {
  const std::vector<RouteEntry> entries = Entries(state);
  RouteTable table;
  for (const RouteEntry& entry : entries) table.Install(entry);
  Turns turns(entries.size());
  for (auto _ : state) {
    const RouteEntry& wanted = entries[turns.Next()];
    benchmark::DoNotOptimize(table.FindByChannel(wanted.client.five_tuple, wanted.channel));
  }
}
BENCHMARK(FindByChannel)->Arg(1)->Arg(16)->Arg(1000)->Arg(10000)->Arg(100000);

void FindByPeer(benchmark::State& state) {
  const std::vector<RouteEntry> entries = Entries(state);
  RouteTable table;
  for (const RouteEntry& entry : entries) table.Install(entry);
  Turns turns(entries.size());
  for (auto _ : state) {
    const RouteEntry& wanted = entries[turns.Next()];
    benchmark::DoNotOptimize(table.FindByPeer(wanted.handle, wanted.peer.endpoint));
  }
}
BENCHMARK(FindByPeer)->Arg(1)->Arg(16)->Arg(1000)->Arg(10000)->Arg(100000);

void RemoveAndInstall(benchmark::State& state) {
  const std::vector<RouteEntry> entries = Entries(state);
  RouteTable table;
  for (const RouteEntry& entry : entries) table.Install(entry);
  Turns turns(entries.size());
  for (auto _ : state) {
    const RouteEntry& entry = entries[turns.Next()];
    table.Remove({entry.client, entry.channel, entry.handle, entry.peer});
    table.Install(entry);
  }
}
BENCHMARK(RemoveAndInstall)->Arg(16)->Arg(10000);

}  // namespace
}  // namespace relay
