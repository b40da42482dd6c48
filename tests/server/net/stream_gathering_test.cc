// Relayed data on its way to stream clients: gathered, joined, and kept while the socket is
// blocked.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/turn/ledger.h"
#include "server/metrics/shard_counters.h"
#include "server/net/stream_service.h"

namespace relay::stream_gathering_test {

using boost::asio::ip::tcp;

constexpr int kSmallBuffer = 4096;

// A message that says which one it is.
std::string Message(std::size_t number, std::size_t bytes) {
  std::string out = std::to_string(number) + ':';
  out.resize(bytes, static_cast<char>('a' + number % 26));
  return out;
}

std::string Messages(std::size_t first, std::size_t end, std::size_t bytes) {
  std::string out;
  for (std::size_t number = first; number < end; ++number) out += Message(number, bytes);
  return out;
}

// Clients over loopback, whose sockets take little at once.
class StreamGatheringTest : public testing::Test {
 protected:
  struct Client {
    tcp::socket socket;
    turn::ClientHandle handle;
  };

  StreamGatheringTest() { service_.SetPolicy(std::make_shared<const turn::Policy>()); }

  Client Connect() {
    tcp::acceptor acceptor(io_, {boost::asio::ip::address_v4::loopback(), 0});
    Client client{tcp::socket(io_), {++connected_}};
    client.socket.open(tcp::v4());
    client.socket.set_option(boost::asio::socket_base::receive_buffer_size(kSmallBuffer));
    client.socket.connect(acceptor.local_endpoint());
    tcp::socket accepted = acceptor.accept();
    accepted.set_option(boost::asio::socket_base::send_buffer_size(kSmallBuffer));
    // It begins as STUN over TCP does.
    boost::asio::write(client.socket, boost::asio::buffer("\0\1", 2));
    service_.Accept(std::move(accepted), entrance_);
    while (service_.FindSocket(client.handle) == nullptr) io_.run_one();
    client.socket.non_blocking(true);
    return client;
  }

  // One batch: the octets are gone when it is over.
  void Send(const Client& client, std::size_t first, std::size_t end, std::size_t bytes) {
    std::vector<std::string> batch;
    for (std::size_t number = first; number < end; ++number)
      batch.push_back(Message(number, bytes));
    for (const std::string& message : batch)
      service_.FindSocket(client.handle)->SendData(base::AsBytes(message));
    service_.FlushData();
    for (std::string& message : batch) message.assign(message.size(), '!');
  }

  // What comes until that many octets are there, but for `message_bytes` for each message that was
  // dropped meanwhile.
  std::string ReadAll(Client& client, std::size_t bytes, std::size_t message_bytes = 0) {
    std::string found;
    std::vector<char> buffer(65536);
    while (found.size() + Dropped() * message_bytes < bytes) {
      io_.restart();
      io_.poll();
      boost::system::error_code error;
      const std::size_t count = client.socket.read_some(boost::asio::buffer(buffer), error);
      if (error == boost::asio::error::would_block) continue;
      if (error) break;
      found.append(buffer.data(), count);
    }
    return found;
  }

  std::size_t DroppedFor(turn::DropReason reason) const {
    return counters_.dropped_packets[LabelIndex(reason)].Read();
  }
  // A machine that stalls lets data grow too old.
  std::size_t Dropped() const {
    return DroppedFor(turn::DropReason::kQueueFull) + DroppedFor(turn::DropReason::kQueueExpired);
  }

  boost::asio::io_context io_;
  turn::Ledger ledger_{turn::Ledger::Options{}};
  ShardCounters counters_;
  ShardClock clock_;
  SendQueue queue_{counters_.dropped_packets[0], counters_.dropped_packets[1]};
  OwnRelays own_relays_;
  Forwarder forwarder_{ledger_, {}, {}, SharedBuckets::Make(8), queue_, counters_, own_relays_};
  ConnectionCensus census_{0};
  StreamService service_{io_, forwarder_, queue_, census_, counters_, clock_, MemoryLimits()};
  StreamEntrance entrance_;
  std::uint32_t connected_ = 0;
};

TEST_F(StreamGatheringTest, MoreMessagesThanAreGatheredAtOnceLeaveInTheirOrder) {
  Client client = Connect();
  const std::size_t count = 3 * GatheredData::kMaxMessages + 1;
  Send(client, 0, count, 8);
  EXPECT_EQ(ReadAll(client, count * 8), Messages(0, count, 8));
}

TEST_F(StreamGatheringTest, MoreOctetsThanARecordHoldsLeaveInTheirOrder) {
  Client client = Connect();
  const std::size_t bytes = GatheredData::kMaxBytes / 3 + 1;
  Send(client, 0, 10, bytes);
  EXPECT_EQ(ReadAll(client, 10 * bytes), Messages(0, 10, bytes));
}

TEST_F(StreamGatheringTest, AMessageThatFillsMoreThanARecordIsNotMixedWithOthers) {
  Client client = Connect();
  Send(client, 0, 1, 100);
  Send(client, 1, 4, 2 * GatheredData::kMaxBytes);
  Send(client, 4, 5, 100);
  const std::string expected =
      Messages(0, 1, 100) + Messages(1, 4, 2 * GatheredData::kMaxBytes) + Messages(4, 5, 100);
  EXPECT_EQ(ReadAll(client, expected.size()), expected);
}

// How many messages these are, all whole and in their order; nullopt: they are not.
std::optional<std::size_t> CountInOrder(const std::string& found, std::size_t bytes) {
  std::size_t number = 0;
  for (std::size_t at = 0; at < found.size(); at += bytes) {
    const std::string message = found.substr(at, bytes);
    const std::size_t named = std::stoul(message);
    if (named < number || message != Message(named, bytes)) return std::nullopt;
    number = named + 1;
  }
  return found.size() / bytes;
}

TEST_F(StreamGatheringTest, WhatFillsUpWhileTheSocketIsBlockedIsKeptInItsOrder) {
  Client client = Connect();
  // Many times what the system takes, less than what may wait.
  constexpr std::size_t kBytes = 1000;
  constexpr std::size_t kCount = 600;
  for (std::size_t first = 0; first < kCount; first += 200)
    Send(client, first, first + 200, kBytes);
  EXPECT_EQ(CountInOrder(ReadAll(client, kCount * kBytes, kBytes), kBytes), kCount - Dropped());
  EXPECT_EQ(DroppedFor(turn::DropReason::kQueueFull), 0U);
}

TEST_F(StreamGatheringTest, WhatIsTooMuchForABlockedSocketGoesByWholeMessages) {
  Client client = Connect();
  constexpr std::size_t kBytes = 1000;
  constexpr std::size_t kCount = 4200;
  static_assert(kCount * kBytes > 2 * StreamOutput::kMaxDataBytes);
  for (std::size_t first = 0; first < kCount; first += 100)
    Send(client, first, first + 100, kBytes);
  EXPECT_GT(Dropped(), 0U);
  EXPECT_EQ(CountInOrder(ReadAll(client, kCount * kBytes, kBytes), kBytes), kCount - Dropped());
}

TEST_F(StreamGatheringTest, TwoClientsInTurnGetWhatIsTheirs) {
  Client left = Connect();
  Client right = Connect();
  for (std::size_t number = 0; number < 100; ++number)
    Send(number % 2 == 0 ? left : right, number, number + 1, 500);
  std::string to_left;
  std::string to_right;
  for (std::size_t number = 0; number < 100; ++number)
    (number % 2 == 0 ? to_left : to_right) += Message(number, 500);
  EXPECT_EQ(ReadAll(left, to_left.size()), to_left);
  EXPECT_EQ(ReadAll(right, to_right.size()), to_right);
}

TEST_F(StreamGatheringTest, NothingIsGatheredBeyondItsBatch) {
  const Client client = Connect();
  const std::string message = Message(0, 100);
  EXPECT_DEBUG_DEATH(
      {
        service_.FindSocket(client.handle)->SendData(base::AsBytes(message));
        service_.RefreshClock();  // as every handler of a connection begins
      },
      "gathered");
  service_.FlushData();
}

}  // namespace relay::stream_gathering_test
