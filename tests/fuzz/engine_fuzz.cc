#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "tests/fuzz/engine_input.h"
#include "tests/fuzz/engine_model.h"
#include "tests/fuzz/engine_reloads.h"
#include "tests/protocol/turn/books.h"
#include "tests/protocol/turn/two_shards.h"

// Two engines with one ledger, driven through whatever the input spells: clients that are honest,
// that lie, and that talk nonsense, peers, ICMP, reloads, ends of streams, hours that pass, and
// messages between the shards that come when the input says so. After each step EngineModel judges
// what was done, and the books must balance.
namespace {

using fuzz::EngineModel;
using fuzz::Input;
using turn::AttributeType;
using turn::Method;
using turn::TestServer;
using turn::TurnMessage;

constexpr std::size_t kMaxSteps = 250;
constexpr std::size_t kClients = 12;

struct FuzzClient {
  std::size_t shard;
  turn::Client client;
  std::size_t user = 0;  // of kKnownUsers
  std::string nonce;
  std::vector<std::uint8_t> last;  // what it sent
};

class Drive {
 public:
  explicit Drive(Input input) : input_(input) {
    for (std::size_t i = 0; i < kClients; ++i) {
      const std::size_t kind = i / 2 % 3;
      const base::IpAddress address = kind == 0   ? turn::kClient.address
                                      : kind == 1 ? turn::kClientV6.address
                                                  : fuzz::kDeniedClient;
      const auto transport = i % 4 < 2 ? base::Transport::kUdp : base::Transport::kTcp;
      FuzzClient& made = clients_[i];
      made.shard = i % 2;
      made.client = {{{address, static_cast<std::uint16_t>(1000 + i)}, turn::kServer, transport},
                     {static_cast<std::uint32_t>(7 + 100 * i)}};
      made.user = std::array<std::size_t, 6>{0, 0, 2, 3, 4, 0}[i / 2];
    }
    SetUsers(0, 0);
    SetUsers(1, 0);
    shards_.carries = false;
  }

  void Run() {
    for (std::size_t step = 0; step < kMaxSteps && !input_.is_over(); ++step) Step();
    End();
  }

 private:
  static void Configure(TestServer::Options& options) {
    options.ledger.min_port = 50000;
    options.ledger.max_port = 50015;
    options.ledger.allocations = 24;
    options.ledger.allocations_per_user = fuzz::kAllocationsPerUser;
    options.policy.mobility = true;
    options.policy.challenge_rate = 0;
    options.policy.nonce_lifetime = kNonceLifetime;
    options.policy.permissions_per_allocation = 4;
    options.policy.channels_per_allocation = 3;
  }

  // A step is judged as a whole.
  template <typename Action>
  void Judged(Action&& action) {
    model_.Begin();
    action();
    model_.Judge();
    const std::string imbalance = turn::FindImbalance({&shards_[0], &shards_[1]});
    if (!imbalance.empty()) std::fprintf(stderr, "imbalance: %s\n", imbalance.c_str());
    CHECK(imbalance.empty());
  }

  void Deliver(FuzzClient& from, std::vector<std::uint8_t> octets) {
    TestServer& server = shards_[from.shard];
    Judged([&] {
      model_.Expect(EngineModel::Message{from.shard, from.client, octets});
      server.engine.OnMessage(from.client, octets, server.now);
      for (const auto& sent : server.effects.to_client) {
        const auto plain = fuzz::ReadPlainMessage(sent.octets);
        if (plain && plain->Find(fuzz::kPlainNonce) != nullptr)
          from.nonce = plain->Text(fuzz::kPlainNonce);
        KeepSecrets(sent.octets);
      }
    });
    from.last = std::move(octets);
  }

  // Tickets and tokens are known to everybody here.
  void KeepSecrets(base::Bytes octets) {
    const auto plain = fuzz::ReadPlainMessage(octets);
    if (!plain) return;
    const auto keep = [&](std::uint16_t type, std::vector<std::vector<std::uint8_t>>& all) {
      if (const auto* value = plain->Find(type)) all.push_back(*value);
      if (all.size() > 8) all.erase(all.begin());
    };
    keep(fuzz::kPlainMobilityTicket, tickets_);
    keep(fuzz::kPlainReservationToken, tokens_);
  }

  FuzzClient& AnyClient() { return clients_[input_.Below(kClients)]; }

  void Send(FuzzClient& from, TurnMessage message) {
    fuzz::AddExtras(input_, message);
    const std::size_t how = input_.Below(16);
    if (from.nonce.empty() || how == 1)
      Deliver(from, TurnMessage(Method::kAllocate).Udp().octets());
    const fuzz::KnownUser& user =
        fuzz::kKnownUsers[how == 2 ? input_.Below(fuzz::kKnownUsers.size()) : from.user];
    const std::string& nonce = how == 3 ? AnyClient().nonce : from.nonce;
    message.Text(AttributeType::kUsername, user.name)
        .Text(AttributeType::kRealm, turn::kRealm)
        .Text(AttributeType::kNonce, nonce);
    auto key = stun::LongTermKeyMd5(user.name, turn::kRealm, user.password);
    if (how == 4) key[input_.Below(key.size())] ^= 1;
    message.Sign(key);
    if (how == 5) {
      // Whoever stands between adds something of his own, which counts for nothing.
      fuzz::AddPeer(input_, model_, message);
      message.U32(AttributeType::kLifetime, fuzz::AnyLifetime(input_));
    }
    if (how == 6) message.Fingerprint();
    Deliver(from, message.octets());
    // A nonce that is too old was answered with a new one.
  }

  void Allocate() {
    FuzzClient& from = AnyClient();
    TurnMessage message = TurnMessage(Method::kAllocate);
    const std::size_t wish = input_.Below(16);
    if (wish != 0) message.Udp();
    if (wish == 1) message.EvenPort(0x80);
    if (wish == 2) message.EvenPort(0);
    if (wish == 3 || wish == 4) message.LeadingOctet(AttributeType::kAdditionalAddressFamily, 2);
    if (wish == 5) message.LeadingOctet(AttributeType::kRequestedAddressFamily, 2);
    if (wish == 6) message.LeadingOctet(AttributeType::kRequestedAddressFamily, input_.Octet());
    if (wish == 7 && !tokens_.empty())
      message.Bytes(AttributeType::kReservationToken, tokens_[input_.Below(tokens_.size())]);
    if (wish >= 8 && wish < 13) message.Zeros(AttributeType::kMobilityTicket, 0);
    if (wish == 13) message.U32(AttributeType::kLifetime, fuzz::AnyLifetime(input_));
    Send(from, std::move(message));
  }

  void Refresh() {
    FuzzClient& from = AnyClient();
    TurnMessage message(Method::kRefresh);
    const std::size_t wish = input_.Below(8);
    if (wish < 6) message.U32(AttributeType::kLifetime, fuzz::AnyLifetime(input_));
    if (wish < 2)
      message.LeadingOctet(AttributeType::kRequestedAddressFamily,
                           static_cast<std::uint8_t>(1 + wish));
    Send(from, std::move(message));
  }

  void Move() {
    if (tickets_.empty()) return Allocate();
    FuzzClient& from = AnyClient();
    TurnMessage message(Method::kRefresh);
    message.Bytes(AttributeType::kMobilityTicket, tickets_[input_.Below(tickets_.size())]);
    if (input_.Below(4) == 0) message.U32(AttributeType::kLifetime, fuzz::AnyLifetime(input_));
    Send(from, std::move(message));
  }

  void Permit() {
    FuzzClient& from = AnyClient();
    TurnMessage message(Method::kCreatePermission);
    for (std::size_t i = input_.Below(4); i != 4; ++i) fuzz::AddPeer(input_, model_, message);
    Send(from, std::move(message));
  }

  void Bind() {
    FuzzClient& from = AnyClient();
    TurnMessage message(Method::kChannelBind);
    const std::size_t number = input_.Below(6);
    message.Channel(number == 5 ? static_cast<std::uint16_t>(input_.Octet() << 8 | input_.Octet())
                                : static_cast<std::uint16_t>(0x4000 + number));
    fuzz::AddPeer(input_, model_, message);
    Send(from, std::move(message));
  }

  void SendData() {
    FuzzClient& from = AnyClient();
    TurnMessage message(Method::kSend, stun::MessageClass::kIndication);
    fuzz::AddPeer(input_, model_, message);
    message.Bytes(AttributeType::kData, input_.Some(9));
    if (input_.Below(8) == 0) fuzz::AddPeer(input_, model_, message);
    fuzz::AddExtras(input_, message);
    Deliver(from, message.octets());
  }

  void PeerSpeaks(bool is_icmp) {
    const std::size_t shard = input_.Below(2);
    TestServer& server = shards_[shard];
    const auto& sockets = server.effects.sockets;
    if (sockets.empty()) return;
    const auto& [relay, socket] =
        *std::next(sockets.begin(), static_cast<std::ptrdiff_t>(input_.Below(sockets.size())));
    if (!socket.is_started) return;
    // Its address, by way of a message, so that peers are the same everywhere.
    TurnMessage message(Method::kSend);
    fuzz::AddPeer(input_, model_, message);
    const auto plain = fuzz::ReadPlainMessage(message.octets());
    const auto peer = fuzz::ReadPlainAddress(*plain, *plain->Find(fuzz::kPlainXorPeerAddress));
    if (!peer || peer->endpoint.address.family() != socket.address.endpoint.address.family())
      return;
    EngineModel::FromPeer from{shard, relay, peer->endpoint, input_.Some(9), std::nullopt};
    if (is_icmp) {
      from.icmp = {static_cast<std::uint8_t>(input_.Below(13)), input_.Octet(), input_.Octet()};
      std::array<std::uint8_t, turn::kIcmpIndicationBytes> room;
      Judged([&] {
        model_.Expect(from);
        server.engine.OnPeerUnreachable(relay, {from.source}, *from.icmp, room, server.now);
      });
      return;
    }
    std::vector<std::uint8_t> buffer(
        turn::kHeadroomBytes + from.payload.size() + turn::kTailroomBytes, 0xee);
    std::ranges::copy(from.payload, buffer.begin() + turn::kHeadroomBytes);
    Judged([&] {
      model_.Expect(from);
      server.engine.OnPeerDatagram(
          relay, {from.source},
          base::MutableBytes(buffer).subspan(turn::kHeadroomBytes, from.payload.size()),
          server.now);
    });
  }

  void SendChannelData() {
    FuzzClient& from = AnyClient();
    TestServer& server = shards_[from.shard];
    const auto number = static_cast<std::uint16_t>(0x4000 + input_.Below(4));
    const std::vector<std::uint8_t> data = input_.Some(9);
    Judged([&] {
      model_.ExpectLate();
      if (!server.effects.routes.contains({from.client.five_tuple, number}))
        server.engine.OnUnroutedChannelData(from.client.five_tuple, {number}, data, server.now);
    });
  }

  // Octets of a message that was sent, changed here and there.
  void SendMutated() {
    FuzzClient& from = AnyClient();
    std::vector<std::uint8_t> octets = AnyClient().last;
    if (octets.empty()) return;
    for (std::size_t i = 1 + input_.Below(3); i != 0; --i)
      octets[(input_.Octet() * std::size_t{256} + input_.Octet()) % octets.size()] ^=
          input_.Octet();
    if (input_.Below(4) == 0) octets.resize(input_.Octet() % (octets.size() + 1));
    if (octets.size() >= 20 && input_.Flag()) {
      octets[2] = static_cast<std::uint8_t>((octets.size() - 20) >> 8);
      octets[3] = static_cast<std::uint8_t>(octets.size() - 20);
    }
    Deliver(from, std::move(octets));
  }
  // The same once more, from the same or from anybody.
  void SendAgain() {
    FuzzClient& whose = AnyClient();
    FuzzClient& from = input_.Flag() ? AnyClient() : whose;
    if (!whose.last.empty()) Deliver(from, whose.last);
  }

  void Wait() {
    constexpr std::array<std::uint32_t, 12> kMilliseconds = {
        1,       999,     1000,    29'999,    30'000,    60'000,
        299'999, 300'000, 600'000, 3'600'000, 7'200'000, 43'200'000};
    const std::chrono::milliseconds time(kMilliseconds[input_.Below(kMilliseconds.size())]);
    shards_.Wait(time);
    if (!input_.Flag()) return;
    for (const std::size_t shard : {0u, 1u}) Advance(shard);
  }
  void Advance(std::size_t shard) {
    Judged([&] {
      // An allocation that waited for its client may leave, or come back.
      model_.ExpectLate();
      shards_[shard].engine.Advance(shards_[shard].now);
    });
  }

  void EndClient() {
    FuzzClient& client = AnyClient();
    TestServer& server = shards_[client.shard];
    if (client.client.five_tuple.transport == base::Transport::kUdp) return;
    server.effects.gone_clients.insert(client.client.five_tuple);
    Judged([&] {
      model_.ExpectEnds();
      server.engine.OnClientGone(client.client, server.now);
    });
    server.effects.gone_clients.clear();
    ++client.client.handle.value;
    client.nonce.clear();
  }

  void SetPolicy(std::size_t shard, std::uint8_t bits) {
    Judged([&] {
      model_.ExpectEnds();
      fuzz::ReloadPolicy(shards_[shard], model_.rules()[shard], bits);
    });
  }
  void SetUsers(std::size_t shard, std::uint8_t bits) {
    fuzz::ReloadUsers(shards_[shard], model_.rules()[shard], bits);
    for (FuzzClient& client : clients_) {
      if (client.shard == shard && client.user < 2) client.user = bits & 1;
    }
  }
  void Revoke(std::size_t shard, std::uint8_t bits) {
    Judged([&] {
      model_.ExpectEnds();
      fuzz::ReloadRevocations(shards_[shard], model_.rules()[shard], bits);
    });
  }

  void Disconnect(std::size_t shard) {
    const std::vector<std::uint64_t> ids = shards_[shard].engine.ListAllocationIds();
    Judged([&] {
      model_.ExpectEnds();
      const std::uint64_t id = ids.empty() ? 1 : *std::ranges::min_element(ids);
      CHECK(shards_[shard].engine.Disconnect(id, shards_[shard].now) == !ids.empty());
    });
  }

  void Carry(std::size_t from) {
    Judged([&] {
      model_.ExpectLate();
      shards_.CarryFrom(from);
      for (const std::size_t shard : {0u, 1u}) {
        for (const auto& sent : shards_[shard].effects.to_client) KeepSecrets(sent.octets);
      }
    });
  }

  void Step() {
    switch (input_.Below(32)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Allocate();
      case 4:
      case 5:
        return Refresh();
      case 6:
      case 7:
      case 8:
        return Move();
      case 9:
      case 10:
      case 11:
        return Permit();
      case 12:
      case 13:
      case 14:
        return Bind();
      case 15:
      case 16:
        return SendData();
      case 17:
        return SendChannelData();
      case 18:
      case 19:
        return PeerSpeaks(false);
      case 20:
        return PeerSpeaks(true);
      case 21:
        return SendMutated();
      case 22:
        return SendAgain();
      case 23:
        return Deliver(AnyClient(), input_.Some(255));
      case 24:
        return Wait();
      case 25:
        return Advance(input_.Below(2));
      case 26:
        return EndClient();
      case 27:
        return SetPolicy(input_.Below(2), input_.Octet());
      case 28:
        return SetUsers(input_.Below(2), input_.Octet());
      case 29:
        if (input_.Flag()) return Disconnect(input_.Below(2));
        return Revoke(input_.Below(2), input_.Octet());
      default:
        return Carry(input_.Below(2));
    }
  }

  void CarryAll() {
    while (shards_.messages() != 0) {
      for (const std::size_t shard : {0u, 1u}) Carry(shard);
    }
  }

  void CloseAll() {
    for (const std::size_t shard : {0u, 1u}) {
      Judged([&] {
        model_.ExpectEnds();
        shards_[shard].engine.CloseAll(shards_[shard].now);
      });
    }
  }

  // Everything is given back.
  void End() {
    CarryAll();
    CloseAll();
    CarryAll();
    // What waited for a move that has come to nothing is answered then, as if nothing had ended.
    CloseAll();
    CarryAll();
    CHECK(model_.live() == 0);
    const turn::Ledger::Totals totals = shards_.ledger->ReadTotals();
    CHECK(totals.allocations == 0 && totals.ports_in_use == 0);
    CHECK(totals.reservations == 0 && totals.subjects == 0);
    for (const std::size_t shard : {0u, 1u}) {
      CHECK(shards_[shard].engine.allocation_count() == 0);
      CHECK(shards_[shard].effects.sockets.empty() && shards_[shard].effects.routes.empty());
    }
  }

  static constexpr std::chrono::seconds kNonceLifetime{3600};

  Input input_;
  turn::TwoShards shards_{Configure};
  EngineModel model_{shards_, kNonceLifetime};
  std::array<FuzzClient, kClients> clients_;
  std::vector<std::vector<std::uint8_t>> tickets_;
  std::vector<std::vector<std::uint8_t>> tokens_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Drive(Input({data, size})).Run();
  return 0;
}
