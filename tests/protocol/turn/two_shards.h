#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn {

// Two engines with one ledger, whose messages are carried over one by one or as they come, with the
// relay sockets that a message takes along.
class TwoShards {
 public:
  explicit TwoShards(const std::function<void(TestServer::Options&)>& change = {}) {
    TestServer::Options options;
    options.ledger.relay_addresses = {{kRelayV4, kRelayV4}, {kRelayV6, kRelayV6}};
    if (change) change(options);
    ledger = std::make_unique<Ledger>(options.ledger);
    for (std::uint16_t i = 0; i < 2; ++i) {
      shards[i] = std::make_unique<TestServer>([&](TestServer::Options& each) {
        if (change) change(each);
        each.shared_ledger = ledger.get();
        each.shard = {i};
        each.seed += i;
      });
      // Handles of one process.
      shards[i]->effects.next_handle = 1 + 1'000'000 * i;
      shards[i]->effects.take_reserved = [this, other = 1 - i](RelayHandle relay) {
        return TakeReserved(*shards[static_cast<std::size_t>(other)], relay);
      };
      shards[i]->settle = [this] {
        if (carries) Carry();
      };
    }
  }

  TestServer& operator[](std::size_t index) { return *shards[index]; }

  // Everything that is on its way, and what follows from it.
  void Carry() {
    while (CarryOne()) {
    }
  }
  // The oldest message to the shard, or to any. False: there is none.
  bool CarryOne() {
    for (std::size_t from = 0; from < 2; ++from) {
      if (CarryFrom(from)) return true;
    }
    return false;
  }
  bool CarryFrom(std::size_t from) {
    auto& posted = shards[from]->effects.posted;
    if (posted.empty()) return false;
    auto [to, message] = std::move(posted.front());
    posted.erase(posted.begin());
    if (const auto* moved = std::get_if<AllocationHandedOver>(&message)) {
      ++handed_over;
      moved->allocation->ForEachRelay([&](const Relay& relay) {
        auto socket = shards[from]->effects.sockets.extract(relay.handle);
        CHECK(!socket.empty() && !socket.mapped().is_started);
        shards[to.value]->effects.sockets.insert(std::move(socket));
      });
    }
    shards[to.value]->engine.OnEngineMessage(std::move(message), shards[to.value]->now);
    return true;
  }
  std::size_t messages() const {
    return shards[0]->effects.posted.size() + shards[1]->effects.posted.size();
  }

  void Wait(std::chrono::nanoseconds duration) {
    for (const auto& shard : shards) shard->Wait(duration);
  }
  void WaitAndAdvance(std::chrono::nanoseconds duration) {
    for (const auto& shard : shards) shard->WaitAndAdvance(duration);
    if (carries) Carry();
  }

  // ChannelData, as a datapath sees it: whether it has a route for it, or gets one.
  bool SendChannel(std::size_t shard, const TestClient& client, std::uint16_t channel,
                   std::string_view data = "data") {
    TestServer& server = *shards[shard];
    const auto has_route = [&] {
      return server.effects.routes.contains({client.client.five_tuple, channel});
    };
    if (!has_route())
      server.engine.OnUnroutedChannelData(client.client.five_tuple, {channel}, base::AsBytes(data),
                                          server.now);
    if (carries) Carry();
    return has_route();
  }
  void Gone(std::size_t shard, const TestClient& client) {
    shards[shard]->effects.gone_clients.insert(client.client.five_tuple);
    shards[shard]->engine.OnClientGone(client.client, shards[shard]->now);
    if (carries) Carry();
  }

  static std::optional<test_support::RecordingEffects::OpenSocket> TakeReserved(TestServer& from,
                                                                                RelayHandle relay) {
    auto socket = from.effects.sockets.extract(relay);
    if (socket.empty()) return std::nullopt;
    CHECK(!socket.mapped().is_started);
    return socket.mapped();
  }

  std::unique_ptr<Ledger> ledger;
  std::array<std::unique_ptr<TestServer>, 2> shards;
  bool carries = true;  // as they come
  std::size_t handed_over = 0;
};

}  // namespace turn
