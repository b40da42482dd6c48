#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/five_tuple.h"
#include "tests/fuzz/plain_message.h"
#include "tests/protocol/turn/two_shards.h"

namespace fuzz {

// What an operator has decided for one shard.
struct Rules {
  std::set<std::string> users;    // "name:password"
  std::set<std::string> revoked;  // names
  bool denies_peer = false;       // kDeniedPeer
  bool denies_client = false;     // kDeniedClient
  bool is_draining = false;
};

inline const base::IpAddress kDeniedPeer = turn::Address("20.9.9.2");
inline const base::IpAddress kDeniedClient = turn::Address("20.1.1.7");

inline constexpr std::uint32_t kAllocationsPerUser = 6;

// Whom a user name is charged to, and what it may do.
struct KnownUser {
  std::string_view name;
  std::string_view password;
  std::string_view subject;
  bool relays_only = false;
};
inline constexpr std::array kKnownUsers = {
    KnownUser{"alice", "secret-a", "alice"},         KnownUser{"alice", "changed", "alice"},
    KnownUser{"alice-2", "secret-2", "alice"},       KnownUser{"bob", "secret-b", "bob"},
    KnownUser{"tester", "secret-t", "tester", true},
};

// The rules of TURN as plainly as possible: what was granted, by whom, to whom, until when. It
// hears each request and each answer, and says of everything that the engines do whether it was
// granted. It knows the most that is allowed; that it is not less is what FindImbalance sees.
class EngineModel {
 public:
  EngineModel(turn::TwoShards& shards, std::chrono::seconds nonce_lifetime)
      : shards_(shards), nonce_lifetime_(nonce_lifetime) {}

  std::array<Rules, 2>& rules() { return rules_; }

  // What is about to happen.
  struct Message {
    std::size_t shard;
    turn::Client client;
    std::vector<std::uint8_t> octets;
  };
  struct FromPeer {
    std::size_t shard;
    turn::RelayHandle relay;
    base::Endpoint source;
    std::vector<std::uint8_t> payload;
    std::optional<stun::IcmpValue> icmp;  // an error about what was sent there
  };
  void Begin() { *step_ = {}; }
  void Expect(const Message& message);
  void Expect(const FromPeer& from_peer) { step_->from_peer = from_peer; }
  // Something other than a client's message may end allocations of others.
  void ExpectEnds() { step_->may_end = true; }
  // Requests of earlier steps may be answered.
  void ExpectLate() { step_->is_late = true; }

  // Looks at what both engines have done since Begin. Aborts on what was not granted.
  void Judge();

  std::size_t live() const { return granted_.size(); }
  // Any live relay; nullopt: there is none.
  std::optional<base::Endpoint> AnyRelay(std::size_t number) const;

 private:
  using Time = base::MonotonicTime;

  struct Granted {
    std::string subject;
    bool relays_only = false;
    base::FiveTuple client;
    std::set<base::FiveTuple> next_clients;  // by a ticket
    std::set<base::Endpoint> relays;
    std::map<base::AddressFamily, std::pair<Time, Time>> ends;  // not before, not after
    std::map<base::IpAddress, Time> permissions;
    // The peers that each may have, and until when: several only while it is not clear whose
    // allocation a request was about.
    std::map<std::uint16_t, std::map<base::Endpoint, Time>> channels;
    std::set<std::uint16_t> unclear_channels;  // of which it may be that it has none
    std::set<std::vector<std::uint8_t>> tickets;

    // Time::min(): it is not bound to that peer.
    Time BoundUntil(std::uint16_t channel, const base::Endpoint& peer) const {
      const auto found = channels.find(channel);
      if (found == channels.end() || !found->second.contains(peer)) return Time::min();
      return found->second.at(peer);
    }
    template <typename OfAddress>
    void EraseChannels(const OfAddress& is_gone) {
      for (auto& [number, peers] : channels)
        std::erase_if(peers, [&](const auto& each) { return is_gone(each.first.address); });
      std::erase_if(channels, [](const auto& each) { return each.second.empty(); });
    }
  };

  struct Asked {
    std::vector<std::uint8_t> octets;
    PlainMessage message;
    std::size_t shard;
    Time at;
    const KnownUser* user;  // whose key signed it; nullptr: nobody's
  };

  struct Step {
    std::optional<Message> message;
    const KnownUser* signer = nullptr;
    std::optional<FromPeer> from_peer;
    bool may_end = false;
    bool is_late = false;
    std::vector<Granted> passing;  // allocations that came and went in it
  };

  struct Seen {
    turn::Engine::AllocationSummary summary;
    std::string username;
    std::size_t shard;
  };

  static const KnownUser* SignerOf(base::Bytes octets, const PlainMessage& message);
  Time now() const { return shards_.shards[0]->now.monotonic; }
  void LookAround();
  void Learn(std::size_t shard, const turn::Client& client, base::Bytes answer);
  void LearnSuccess(std::size_t shard, const turn::Client& client, const PlainMessage& answer,
                    const Asked& asked);
  void LearnAllocate(const turn::Client& client, const PlainMessage& answer, const Asked& asked);
  bool IsOfAnother(const Seen& seen, const base::FiveTuple& client, const Asked& asked,
                   const std::set<base::Endpoint>& relays) const;
  bool MayBeOf(const base::FiveTuple& client, std::uint64_t id) const;
  void LearnRefresh(const turn::Client& client, const PlainMessage& answer, const Asked& asked);
  void LearnPeers(const turn::Client& client, const Asked& asked);
  bool IsAuthentic(const turn::Client& client, const Asked& asked) const;
  void CheckAuthenticity(std::size_t shard, const turn::Client& client, const Asked& asked) const;
  void Loosen();
  void ForgetDenied(std::size_t shard, Granted& granted) const;
  void CheckAllocations();
  void CheckQuotas() const;
  void CheckToPeers();
  void CheckToClients();
  void CheckRoutes();
  void ForgetEnded();
  Granted* OfClient(const base::FiveTuple& client);
  std::vector<const Granted*> EndedOf(const base::FiveTuple& client) const;  // in this step
  Granted* OfRelay(const base::Endpoint& relay);
  bool IsRelay(const base::Endpoint& endpoint) const;
  bool MayReach(std::size_t shard, const Granted& granted, const base::Endpoint& peer) const;

  turn::TwoShards& shards_;
  std::chrono::seconds nonce_lifetime_;
  std::array<Rules, 2> rules_;
  std::unique_ptr<Step> step_ = std::make_unique<Step>();
  std::map<std::uint64_t, Granted> granted_;
  std::map<std::uint64_t, Seen> seen_;
  std::set<std::uint64_t> on_their_way_;
  std::map<std::pair<base::FiveTuple, std::vector<std::uint8_t>>, std::vector<Asked>> asked_;
  std::map<std::string, std::pair<base::Endpoint, Time>> nonces_;  // whose, since when
};

}  // namespace fuzz
