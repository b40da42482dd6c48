#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn {

// What does not add up between engines, their one ledger, and the world of each; empty: nothing.
// What is on its way from one engine to another counts as well.
inline std::string FindImbalance(const std::vector<TestServer*>& servers) {
  std::string found;
  const auto expect = [&found](bool is_right, const char* what) {
    if (!is_right) found += std::string(found.empty() ? "" : ", ") + what;
  };
  const Ledger& ledger = servers.front()->ledger;
  std::size_t relays = 0;
  std::size_t sockets = 0;
  std::set<base::Endpoint> relayed;
  for (TestServer* const server : servers) {
    const auto& effects = server->effects;
    std::size_t permissions = 0;
    std::size_t channels = 0;
    std::set<base::FiveTuple> five_tuples;
    std::map<base::FiveTuple, int> relays_by_client;
    server->engine.ForEachAllocation(server->now, [&](const Engine::AllocationSummary& each) {
      relays += each.relayed.size();
      permissions += each.permissions;
      channels += each.channels;
      relays_by_client[each.client.five_tuple] += static_cast<int>(each.relayed.size());
      if (!each.is_detached)
        expect(five_tuples.insert(each.client.five_tuple).second, "a client with two allocations");
      for (const base::Endpoint& relay : each.relayed) {
        expect(relayed.insert(relay).second, "a relay port with two owners");
        expect(ledger.IsLive(relay), "an allocation whose relay is not live");
      }
    });
    expect(effects.permissions == static_cast<std::int64_t>(permissions), "permissions");
    expect(effects.channels == static_cast<std::int64_t>(channels), "channels");
    expect(effects.relays_by_client == relays_by_client, "relays by client");
    expect(effects.routes.size() <= channels, "more routes than channels");
    for (const auto& [key, route] : effects.routes)
      expect(five_tuples.contains(key.first), "a route without an allocation");
    for (const auto& posted : effects.posted) {
      if (const auto* moved = std::get_if<AllocationHandedOver>(&posted.message))
        moved->allocation->ForEachRelay([&](const Relay&) { ++relays; });
    }
    sockets += effects.sockets.size();
  }
  const Ledger::Totals totals = ledger.ReadTotals();
  expect(totals.allocations == relays + totals.reservations, "charges");
  expect(totals.ports_in_use == totals.allocations, "ports in use");
  expect(sockets == totals.allocations, "relay sockets");
  return found;
}

}  // namespace turn
