#include <gtest/gtest.h>

#include <array>

#include "tests/protocol/turn/engine_fixture.h"
#include "tests/support/heap_count.h"

namespace turn::engine_heap_test {

// Keeps counts, so that only the engine uses the heap.
class CountingEffects final : public Effects {
 public:
  void SendToClient(const Client&, base::Bytes message) override {
    ++sent;
    const auto view = stun::MessageView::Parse(message);
    const auto found = view ? view->Find(AttributeType::kNonce) : std::nullopt;
    if (!found) return;
    nonce_bytes = std::min(nonce.size(), found->value.size());
    std::copy_n(found->value.begin(), nonce_bytes, nonce.begin());
  }
  bool HasClient(const Client&) override { return true; }
  void SendDataToClient(const Client&, base::Bytes, std::size_t) override { ++data; }
  void SendToPeer(const Client&, RelayHandle, const PeerAddress&, base::Bytes, bool) override {
    ++to_peer;
  }
  std::optional<RelayHandle> OpenRelay(const RelayedTransportAddress&) override {
    return RelayHandle{++opened};
  }
  void StartRelay(RelayHandle, const RelayedTransportAddress&, UserNumber) override {}
  void StopRelay(RelayHandle) override {}
  void CloseRelay(RelayHandle) override {}
  void InstallRoute(const Route&) override {}
  void RemoveRoute(const RouteKey&) override {}
  void PostToShard(ShardIndex, EngineMessage) override {}
  void Report(const Event&) override {}

  int sent = 0;
  int data = 0;
  int to_peer = 0;
  std::int32_t opened = 0;
  std::array<std::uint8_t, 64> nonce{};
  std::size_t nonce_bytes = 0;
};

class EngineHeap : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test_support::kHeapIsCounted) GTEST_SKIP() << "sanitizers have a heap of their own";
  }
  static std::int64_t Allocations() { return test_support::HeapUseOfThisThread().allocations; }
  static std::int64_t Live() {
    const test_support::HeapUse use = test_support::HeapUseOfThisThread();
    return use.allocations - use.frees;
  }
  static std::shared_ptr<const Policy> MakePolicy() {
    Policy policy;
    policy.realm = kRealm;
    return std::make_shared<const Policy>(policy);
  }
  static Ledger::Options MakeLedger() {
    Ledger::Options options;
    options.relay_addresses = {{kRelayV4, kRelayV4}};
    return options;
  }

  void Send(const TurnMessage& message) { engine_.OnMessage(client_, message.octets(), now_); }
  TurnMessage Sign(TurnMessage message) {
    const auto key = stun::LongTermKeyMd5("alice", kRealm, "secret-a");
    return message.Text(AttributeType::kUsername, "alice")
        .Text(AttributeType::kRealm, kRealm)
        .Bytes(AttributeType::kNonce, base::Bytes(effects_.nonce).first(effects_.nonce_bytes))
        .Sign(key);
  }
  void AllocateAndBind() {
    Send(TurnMessage(Method::kAllocate).Udp());
    Send(Sign(TurnMessage(Method::kAllocate).Udp()));
    Send(Sign(TurnMessage(Method::kChannelBind).Channel(0x4000).Peer(kPeer)));
    ASSERT_EQ(effects_.opened, 1);
  }

  base::Now now_{base::MonotonicTime(seconds(1000)), {}};
  test_support::SeededRandom random_{1};
  CountingEffects effects_;
  Ledger ledger_{MakeLedger()};
  Engine engine_{
      MakePolicy(),
      std::make_shared<const ListedUsers>(
          std::string(kRealm), std::vector<ListedUsers::User>{{"alice", "secret-a", "alice"}}),
      NonceKey{},
      ledger_,
      random_,
      effects_,
      now_.monotonic};
  Client client_{{kClient, kServer, base::Transport::kUdp}, {1}};
};

TEST_F(EngineHeap, DataFromPeersIsHandledWithoutTheHeap) {
  AllocateAndBind();
  std::vector<std::uint8_t> buffer(kHeadroomBytes + 1200 + kTailroomBytes);
  const base::MutableBytes payload = base::MutableBytes(buffer).subspan(kHeadroomBytes, 1200);
  const PeerAddress bound{kPeer};
  const PeerAddress unbound{{kPeer.address, 9}};
  const PeerAddress stranger{At("20.9.9.10:1")};
  const std::int64_t before = Allocations();
  for (int i = 0; i < 1000; ++i) {
    for (const PeerAddress& peer : {bound, unbound, stranger})
      engine_.OnPeerDatagram(RelayHandle{1}, peer, payload, now_);
  }
  EXPECT_EQ(Allocations(), before);
  EXPECT_EQ(effects_.data, 2000);
}

TEST_F(EngineHeap, SendIndicationsAreHandledWithoutTheHeap) {
  AllocateAndBind();
  const auto send = [](const base::Endpoint& peer) {
    return TurnMessage(Method::kSend, stun::MessageClass::kIndication)
        .Peer(peer)
        .Text(AttributeType::kData, "data");
  };
  const TurnMessage permitted = send(kPeer);
  const TurnMessage forbidden = send(At("20.9.9.10:1"));
  const std::int64_t before = Allocations();
  for (int i = 0; i < 1000; ++i) {
    Send(permitted);
    Send(forbidden);
  }
  EXPECT_EQ(Allocations(), before);
  EXPECT_EQ(effects_.to_peer, 1000);
}

TEST_F(EngineHeap, D2_B92_AHundredThousandStrangersLeaveNoMemoryBehind) {
  TurnMessage junk = TurnMessage(Method::kRefresh)
                         .Text(AttributeType::kUsername, "mallory")
                         .Text(AttributeType::kRealm, kRealm)
                         .Text(AttributeType::kNonce, "obMatJos2wAAAxxxxxxxxxxxxxxxxxxxx")
                         .Zeros(AttributeType::kMessageIntegrity, 20);
  const std::array<TurnMessage, 4> requests = {TurnMessage(Method::kAllocate),
                                               TurnMessage(Method::kBinding), junk,
                                               TurnMessage(Method::kChannelBind)};
  const auto flood = [&](std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      client_.five_tuple.client = {base::IpAddress::FromV4({21, static_cast<std::uint8_t>(i >> 16),
                                                            static_cast<std::uint8_t>(i >> 8),
                                                            static_cast<std::uint8_t>(i)}),
                                   static_cast<std::uint16_t>(1024 + i % 60000)};
      Send(requests[i % requests.size()]);
    }
  };
  flood(100);  // what is kept for its memory gets it here
  const std::int64_t live_before = Live();
  flood(100'000);
  EXPECT_EQ(Live(), live_before);
  EXPECT_EQ(effects_.sent, 100'100);
  EXPECT_EQ(engine_.allocation_count(), 0u);
}

}  // namespace turn::engine_heap_test
