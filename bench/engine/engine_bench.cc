#include <benchmark/benchmark.h>
#include <malloc.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "bench/engine/idle_world.h"
#include "protocol/base/check.h"
#include "protocol/base/random.h"
#include "protocol/stun/attributes.h"
#include "protocol/stun/message_view.h"
#include "protocol/stun/message_writer.h"
#include "protocol/turn/engine.h"

// What a whole set-up costs in the engine alone: Allocate, its 401, Allocate, CreatePermission,
// ChannelBind, and at last the Refresh that ends it. Sockets cost nothing here, and requests are
// written beforehand. The argument is how many allocations exist at the end.
namespace turn_bench {
namespace {

using stun::AttributeType;
using stun::Method;

constexpr std::size_t kMessageBytes = 256;
constexpr std::uint32_t kClientsPerAddress = 50'000;
constexpr std::uint16_t kFirstPort = 10'000;

struct Request {
  std::array<std::uint8_t, kMessageBytes> octets{};
  std::size_t bytes = 0;

  base::Bytes view() const { return base::Bytes(octets).first(bytes); }
};

struct Client {
  turn::Client client;
  std::array<Request, 4> requests;  // in their order, all but the last one
  Request release;
};

const base::Md5Digest& Key() {
  static const base::Md5Digest key = stun::LongTermKeyMd5(kUser, kRealm, kPassword);
  return key;
}

turn::Client ClientOf(std::uint32_t number) {
  const auto host = static_cast<std::uint8_t>(number / kClientsPerAddress);
  const auto port = static_cast<std::uint16_t>(kFirstPort + number % kClientsPerAddress);
  return {{{base::IpAddress::FromV4({20, 1, 1, host}), port},
           {base::IpAddress::FromV4({192, 0, 2, 1}), 3478},
           base::Transport::kUdp},
          {1}};
}

// `nonce` empty: without credentials.
Request Write(Method method, std::string_view nonce, std::uint8_t number, bool is_release = false) {
  Request request;
  stun::MessageWriter writer(request.octets, {method, stun::MessageClass::kRequest},
                             stun::TransactionId{number});
  const base::Endpoint peer{base::IpAddress::FromV4({20, 9, 9, 9}), 5000};
  if (method == Method::kAllocate) writer.AddU32(AttributeType::kRequestedTransport, 17U << 24);
  if (method == Method::kChannelBind) writer.AddU32(AttributeType::kChannelNumber, 0x4000U << 16);
  if (method == Method::kCreatePermission || method == Method::kChannelBind) {
    writer.AddXorAddress(AttributeType::kXorPeerAddress, peer);
  }
  if (is_release) writer.AddU32(AttributeType::kLifetime, 0);
  if (!nonce.empty()) {
    writer.AddText(AttributeType::kUsername, kUser);
    writer.AddText(AttributeType::kRealm, kRealm);
    writer.AddText(AttributeType::kNonce, nonce);
    writer.AddMessageIntegrity(Key());
  }
  CHECK(writer.ok());
  request.bytes = writer.message().size();
  return request;
}

class World {
 public:
  World()
      : ledger_(MakeLedgerOptions()),
        engine_(std::make_unique<turn::Engine>(MakePolicy(), std::make_shared<const OneUser>(),
                                               turn::NonceKey{{1, 2, 3}}, ledger_, random_,
                                               effects_, now_.monotonic)) {}

  std::vector<Client> MakeClients(std::uint32_t count) {
    std::vector<Client> clients(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      Client& each = clients[i];
      each.client = ClientOf(i);
      each.requests[0] = Write(Method::kAllocate, {}, 1);
      Send(each, each.requests[0]);
      const auto answer = stun::MessageView::Parse(effects_.last_answer());
      CHECK(answer.has_value());
      const auto attribute = answer->Find(AttributeType::kNonce);
      CHECK(attribute.has_value());
      const std::string nonce(base::AsText(attribute->value));
      each.requests[1] = Write(Method::kAllocate, nonce, 2);
      each.requests[2] = Write(Method::kCreatePermission, nonce, 3);
      each.requests[3] = Write(Method::kChannelBind, nonce, 4);
      each.release = Write(Method::kRefresh, nonce, 5, true);
    }
    return clients;
  }

  void SetUp(const Client& client) {
    for (const Request& request : client.requests) Send(client, request);
  }
  void Release(const Client& client) { Send(client, client.release); }

  std::size_t allocations() const { return engine_->allocation_count(); }
  std::int64_t routes() const { return effects_.routes(); }

 private:
  static std::shared_ptr<const turn::Policy> MakePolicy() {
    turn::Policy policy;
    policy.realm = kRealm;
    policy.challenge_rate = 0;
    return std::make_shared<const turn::Policy>(std::move(policy));
  }
  static turn::Ledger::Options MakeLedgerOptions() {
    turn::Ledger::Options options;
    options.allocations = 0;
    options.allocations_per_user = 0;
    options.min_port = 1024;
    const base::IpAddress relay = base::IpAddress::FromV4({192, 0, 2, 1});
    options.relay_addresses = {{relay, relay}};
    return options;
  }

  void Send(const Client& client, const Request& request) {
    engine_->OnMessage(client.client, request.view(), now_);
  }

  base::Now now_{base::MonotonicTime(std::chrono::seconds(1000)),
                 base::WallTime(std::chrono::seconds(1'795'000'000))};
  base::OsRandom random_;
  IdleEffects effects_;
  turn::Ledger ledger_;
  std::unique_ptr<turn::Engine> engine_;
};

std::size_t HeapBytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

template <typename Work>
double SecondsFor(const Work& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void SetUpAndRelease(benchmark::State& state) {
  World world;
  const auto count = static_cast<std::uint32_t>(state.range(0));
  const std::vector<Client> clients = world.MakeClients(count);
  for (auto _ : state) {
    state.SetIterationTime(SecondsFor([&] {
      for (const Client& client : clients) world.SetUp(client);
      CHECK(world.allocations() == count && world.routes() == count);
      for (const Client& client : clients) world.Release(client);
    }));
    CHECK(world.allocations() == 0 && world.routes() == 0);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(SetUpAndRelease)->Arg(16)->Arg(1000)->Arg(10000)->UseManualTime();

// Heap of the engine and the ledger for an allocation with a permission and a channel.
void IdleMemory(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  std::size_t grown = 0;
  for (auto _ : state) {
    World world;
    const std::vector<Client> clients = world.MakeClients(count);
    const std::size_t before = HeapBytes();
    for (const Client& client : clients) world.SetUp(client);
    CHECK(world.allocations() == count);
    grown = HeapBytes() - before;
  }
  state.counters["bytes_per_allocation"] = static_cast<double>(grown) / count;
}
BENCHMARK(IdleMemory)->Arg(1000)->Arg(10000)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace turn_bench
