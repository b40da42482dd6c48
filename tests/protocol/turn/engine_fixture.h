#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/stun/attributes.h"
#include "protocol/stun/error_code.h"
#include "protocol/stun/integrity.h"
#include "protocol/stun/message_view.h"
#include "protocol/turn/engine.h"
#include "tests/support/listed_users.h"
#include "tests/support/recording_effects.h"
#include "tests/support/seeded_random.h"
#include "tests/support/turn_message.h"

namespace turn {

using std::chrono::seconds;
using stun::AttributeType;
using stun::ErrorCode;
using stun::Method;
using test_support::ListedUsers;
using test_support::TurnMessage;

inline base::IpAddress Address(std::string_view text) { return *base::IpAddress::Parse(text); }
inline base::Endpoint At(std::string_view text) { return *base::Endpoint::Parse(text); }

// Addresses of the tests' world. All but the relays are ordinary public ones.
inline const base::Endpoint kServer = At("192.0.2.1:3478");
inline const base::IpAddress kRelayV4 = Address("192.0.2.1");
inline const base::IpAddress kRelayV6 = Address("2001:db8::1");
inline const base::Endpoint kClient = At("20.1.1.1:40000");
inline const base::Endpoint kClientV6 = At("[2600:1::1]:40000");
inline const base::Endpoint kPeer = At("20.9.9.9:5000");
inline const base::Endpoint kPeerV6 = At("[2600:9::9]:5000");
inline constexpr std::string_view kRealm = "test.example";

// What came back for one message.
struct Reply {
  std::vector<std::uint8_t> octets;  // empty: silence

  bool is_silence() const { return octets.empty(); }
  stun::MessageView view() const {
    const auto parsed = stun::MessageView::Parse(octets);
    CHECK(parsed.has_value());
    return *parsed;
  }
  bool is_success() const {
    return !is_silence() && view().message_class() == stun::MessageClass::kSuccess;
  }
  // 0: silence or success.
  int error() const {
    if (is_silence() || is_success()) return 0;
    return stun::DecodeErrorCode(view().Find(AttributeType::kErrorCode)->value)->code;
  }
  bool Has(AttributeType type) const { return !is_silence() && view().Has(type); }
  std::string Text(AttributeType type) const {
    const auto attribute = view().Find(type);
    return attribute ? std::string(base::AsText(attribute->value)) : std::string();
  }
  std::optional<std::uint32_t> lifetime() const {
    if (!Has(AttributeType::kLifetime)) return std::nullopt;
    return stun::DecodeU32(view().Find(AttributeType::kLifetime)->value);
  }
  std::vector<base::Endpoint> Endpoints(AttributeType type) const {
    std::vector<base::Endpoint> found;
    view().ForEach([&](const stun::Attribute& attribute) {
      if (attribute.type != type) return;
      found.push_back(
          stun::DecodeXorAddress(attribute.value, view().cookie_and_transaction_id())->endpoint);
    });
    return found;
  }
  std::vector<base::Endpoint> relayed() const {
    return Endpoints(AttributeType::kXorRelayedAddress);
  }
  std::vector<AttributeType> unknown() const {
    const auto attribute = view().Find(AttributeType::kUnknownAttributes);
    if (!attribute) return {};
    return *stun::DecodeUnknownAttributes(attribute->value);
  }
};

// An engine in a world of fakes. Time stands still unless a test moves it.
class TestServer {
 public:
  struct Options {
    Policy policy;
    Ledger::Options ledger;
    std::vector<ListedUsers::User> users = {{"alice", "secret-a", "alice"},
                                            {"bob", "secret-b", "bob"}};
    std::string token_server_name = {};
    std::vector<ListedUsers::Token> tokens = {};
    std::uint64_t seed = 1;
    // One of several engines: with the ledger of all.
    Ledger* shared_ledger = nullptr;
    ShardIndex shard;
  };

  explicit TestServer(const std::function<void(Options&)>& change = {})
      : options_(MakeOptions(change)),
        random(options_.seed),
        own_ledger_(options_.shared_ledger ? nullptr : std::make_unique<Ledger>(options_.ledger)),
        ledger(options_.shared_ledger ? *options_.shared_ledger : *own_ledger_),
        engine(std::make_shared<const Policy>(options_.policy),
               std::make_shared<const ListedUsers>(std::string(kRealm), options_.users,
                                                   options_.token_server_name, options_.tokens),
               NonceKey{{1, 2, 3}}, ledger, random, effects, now.monotonic, options_.shard) {}

  // The policy as it was at the start, to change and hand over.
  void Reload(const std::function<void(Policy&)>& change) {
    change(options_.policy);
    engine.SetPolicy(std::make_shared<const Policy>(options_.policy), now);
  }
  void SetUsers(std::vector<ListedUsers::User> users) {
    engine.SetCredentials(
        std::make_shared<const ListedUsers>(std::string(kRealm), std::move(users)));
  }

  void Wait(std::chrono::nanoseconds duration) {
    now.monotonic += duration;
    now.wall += std::chrono::duration_cast<base::WallTime::duration>(duration);
  }
  void WaitAndAdvance(std::chrono::nanoseconds duration) {
    Wait(duration);
    engine.Advance(now);
  }

  static base::WallTime WallStart() { return base::WallTime(seconds(1'795'000'000)); }

 private:
  static Options MakeOptions(const std::function<void(Options&)>& change) {
    Options options;
    options.policy.realm = kRealm;
    options.policy.software = "test-server";
    options.ledger.relay_addresses = {{kRelayV4, kRelayV4}, {kRelayV6, kRelayV6}};
    PeerPolicy::Rules rules;
    rules.own_sockets = {At("0.0.0.0:3478"), At("[::]:3478")};
    rules.own_addresses = {kRelayV4, kRelayV6};
    rules.relay_addresses = options.ledger.relay_addresses;
    options.policy.peers = PeerPolicy(rules);
    if (change) change(options);
    return options;
  }

  Options options_;

 public:
  base::Now now{base::MonotonicTime(seconds(1000)), WallStart()};
  test_support::SeededRandom random;
  test_support::RecordingEffects effects;

 private:
  std::unique_ptr<Ledger> own_ledger_;

 public:
  Ledger& ledger;
  Engine engine;
  // Called behind each message of a client: what other engines have to do with it.
  std::function<void()> settle = [] {};
};

// A TURN client at one transport address.
class TestClient {
 public:
  explicit TestClient(TestServer& server, const base::Endpoint& address = kClient,
                      base::Transport transport = base::Transport::kUdp)
      : server_(server), client{{address, kServer, transport}, {7}} {}

  TestClient& Login(std::string_view name, std::string_view secret) {
    username = name;
    password = secret;
    return *this;
  }

  // Exactly these octets.
  Reply Send(base::Bytes octets) {
    const std::size_t before = server_.effects.to_client.size();
    outcome = server_.engine.OnMessage(client, octets, server_.now);
    server_.settle();
    const auto& sent = server_.effects.to_client;
    CHECK(sent.size() <= before + 1);
    if (sent.size() == before) return {};
    CHECK(sent.back().client.five_tuple == client.five_tuple);
    CHECK(sent.back().client.handle == client.handle);
    return {sent.back().octets};
  }
  Reply Send(const TurnMessage& message) { return Send(message.octets()); }

  std::vector<std::uint8_t> Key() const {
    const auto key = stun::LongTermKeyMd5(username, kRealm, password);
    return {key.begin(), key.end()};
  }
  std::vector<std::uint8_t> KeySha256() const {
    const auto key = stun::LongTermKeySha256(username, kRealm, password);
    return {key.begin(), key.end()};
  }

  // Asks for a nonce without credentials.
  std::string Challenge() {
    const Reply reply = Send(TurnMessage(Method::kAllocate).Udp());
    nonce = reply.Text(AttributeType::kNonce);
    return nonce;
  }

  // Adds what the long-term mechanism of RFC 5389 wants, but for the integrity.
  TurnMessage Name(TurnMessage message) {
    if (nonce.empty()) Challenge();
    return message.Text(AttributeType::kUsername, username)
        .Text(AttributeType::kRealm, kRealm)
        .Text(AttributeType::kNonce, nonce);
  }
  TurnMessage Sign(TurnMessage message) { return Name(std::move(message)).Sign(Key()); }
  Reply Request(TurnMessage message) { return Send(Sign(std::move(message))); }

  Reply Allocate() { return Allocate(TurnMessage(Method::kAllocate).Udp()); }
  Reply Allocate(TurnMessage message) {
    Reply reply = Request(std::move(message));
    if (reply.is_success()) {
      relayed = reply.relayed();
      RememberRelays();
    }
    return reply;
  }
  Reply Refresh(std::optional<std::uint32_t> lifetime = std::nullopt) {
    TurnMessage message(Method::kRefresh);
    if (lifetime) message.U32(AttributeType::kLifetime, *lifetime);
    return Request(message);
  }
  // Asks for a ticket, or brings one; keeps the one that it gets.
  Reply AllocateMobile() {
    return KeepTicket(
        Allocate(TurnMessage(Method::kAllocate).Udp().Zeros(AttributeType::kMobilityTicket, 0)));
  }
  Reply RefreshWith(base::Bytes with_ticket, std::optional<std::uint32_t> lifetime = std::nullopt) {
    TurnMessage message(Method::kRefresh);
    message.Bytes(AttributeType::kMobilityTicket, with_ticket);
    if (lifetime) message.U32(AttributeType::kLifetime, *lifetime);
    return KeepTicket(Request(message));
  }
  // Asks for the allocation of a client that has moved here. It knows the relays from then on.
  Reply MoveFrom(const TestClient& before) {
    relayed = before.relayed;
    handles_ = before.handles_;
    return RefreshWith(before.ticket);
  }
  Reply KeepTicket(Reply reply) {
    if (reply.Has(AttributeType::kMobilityTicket)) {
      const base::Bytes value = reply.view().Find(AttributeType::kMobilityTicket)->value;
      ticket.assign(value.begin(), value.end());
    }
    return reply;
  }
  Reply Permit(const base::Endpoint& peer) {
    return Request(TurnMessage(Method::kCreatePermission).Peer(peer));
  }
  Reply Bind(std::uint16_t channel, const base::Endpoint& peer) {
    return Request(TurnMessage(Method::kChannelBind).Channel(channel).Peer(peer));
  }

  // Whether a Send indication made a datagram leave.
  bool SendTo(const base::Endpoint& peer, std::string_view data = "data") {
    return SendIndication(TurnMessage(Method::kSend, stun::MessageClass::kIndication)
                              .Peer(peer)
                              .Text(AttributeType::kData, data));
  }
  bool SendIndication(const TurnMessage& message) {
    const std::size_t before = server_.effects.to_peer.size();
    CHECK(Send(message).is_silence());
    return server_.effects.to_peer.size() != before;
  }

  // What a datagram from a peer to the relay of its family became; empty: nothing for this client.
  std::vector<std::uint8_t> PeerSends(const base::Endpoint& peer, std::string_view data = "data") {
    const std::size_t before = server_.effects.data_to_client.size();
    std::vector<std::uint8_t> buffer(kHeadroomBytes + data.size() + kTailroomBytes, 0xee);
    std::copy(data.begin(), data.end(), buffer.begin() + kHeadroomBytes);
    server_.engine.OnPeerDatagram(RelayOf(peer.address.family()), PeerAddress{peer},
                                  base::MutableBytes(buffer).subspan(kHeadroomBytes, data.size()),
                                  server_.now);
    const auto& sent = server_.effects.data_to_client;
    if (sent.size() == before) return {};
    if (sent.back().client.five_tuple != client.five_tuple) return {};
    CHECK(server_.effects.data_payload_bytes == data.size());
    return sent.back().octets;
  }
  // What an ICMP error about a datagram to the peer became; empty: nothing.
  std::vector<std::uint8_t> IcmpSays(const base::Endpoint& peer, const stun::IcmpValue& icmp) {
    const std::size_t before = server_.effects.data_to_client.size();
    std::array<std::uint8_t, kIcmpIndicationBytes> room;
    server_.engine.OnPeerUnreachable(RelayOf(peer.address.family()), PeerAddress{peer}, icmp, room,
                                     server_.now);
    const auto& sent = server_.effects.data_to_client;
    if (sent.size() == before) return {};
    CHECK(sent.back().client.five_tuple == client.five_tuple);
    CHECK(server_.effects.data_payload_bytes == 0);
    return sent.back().octets;
  }
  bool Hears(const base::Endpoint& peer) { return !PeerSends(peer).empty(); }

  // The relay socket that the last successful Allocate opened; -1: none of the family.
  RelayHandle RelayOf(base::AddressFamily family) const {
    return handles_[static_cast<std::size_t>(family) - 1];
  }

 private:
  void RememberRelays() {
    handles_ = {};
    for (const auto& [handle, socket] : server_.effects.sockets) {
      const base::AddressFamily family = socket.address.endpoint.address.family();
      for (const base::Endpoint& endpoint : relayed) {
        if (endpoint.port == socket.address.endpoint.port && endpoint.address.family() == family)
          handles_[static_cast<std::size_t>(family) - 1] = handle;
      }
    }
  }

  std::array<RelayHandle, 2> handles_{};
  TestServer& server_;

 public:
  Client client;
  std::string username = "alice";
  std::string password = "secret-a";
  std::string nonce;
  std::vector<base::Endpoint> relayed;
  std::vector<std::uint8_t> ticket;  // the latest one; empty: none
  Engine::Outcome outcome = Engine::Outcome::kValid;
};

}  // namespace turn
