#include "server/net/packet_poller.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace relay::packet_poller_test {

using std::chrono::microseconds;

constexpr microseconds kNever{0};
constexpr microseconds kWithoutEnd = std::chrono::hours(24);

// A poller with one socket, whose other end is the test's.
class PacketPollerTest : public testing::Test {
 protected:
  PacketPollerTest() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends_.data()), 0); }
  ~PacketPollerTest() override {
    for (const int end : ends_) ::close(end);
  }

  void Start(microseconds busy_poll) {
    poller_ = std::make_unique<PacketPoller>(
        io_, busy_poll, [this](std::span<const PacketPoller::Ready> sockets, std::uint8_t round) {
          for (const PacketPoller::Ready& ready : sockets) {
            std::uint8_t octet = 0;
            if (::recv(ready.socket, &octet, 1, MSG_DONTWAIT) == 1) ++packets_;
          }
          rounds_.push_back(round);
          if (sockets.empty()) --to_do_;
          return PacketPoller::Served{datagrams_in_a_round_, to_do_ > 0};
        });
    ASSERT_TRUE(poller_->Add(ends_[0]));
    poller_->Start();
  }
  void SendPacket() { ASSERT_EQ(::send(ends_[1], "x", 1, 0), 1); }
  // Whether some handler was ready to run; runs one.
  bool Step() { return io_.poll_one() == 1; }
  void RunAll() {
    while (Step()) {
    }
  }

  boost::asio::io_context io_;
  std::array<int, 2> ends_{};
  std::unique_ptr<PacketPoller> poller_;
  int packets_ = 0;
  std::vector<std::uint8_t> rounds_;
  std::size_t datagrams_in_a_round_ = 1;
  int to_do_ = 0;  // rounds without a socket
};

TEST_F(PacketPollerTest, WaitsToBeWokenWithoutBusyPolling) {
  Start(kNever);
  EXPECT_FALSE(Step());
  SendPacket();
  RunAll();
  EXPECT_EQ(packets_, 1);
  EXPECT_FALSE(Step());
}

TEST_F(PacketPollerTest, DoesNotPollBeforeTheFirstPacket) {
  Start(kWithoutEnd);
  EXPECT_FALSE(Step());
}

TEST_F(PacketPollerTest, GoesOnAskingAfterAPacketWithBusyPolling) {
  Start(kWithoutEnd);
  SendPacket();
  EXPECT_TRUE(Step());
  EXPECT_EQ(packets_, 1);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Step()) << i;
  SendPacket();
  EXPECT_TRUE(Step());
  EXPECT_EQ(packets_, 2);
}

TEST_F(PacketPollerTest, LetsOtherHandlersRunBetweenTwoQuestions) {
  Start(kWithoutEnd);
  SendPacket();
  EXPECT_TRUE(Step());
  bool has_run = false;
  boost::asio::post(io_, [&] { has_run = true; });
  EXPECT_TRUE(Step());
  EXPECT_TRUE(Step());
  EXPECT_TRUE(has_run);
}

TEST_F(PacketPollerTest, StopsAskingWhenTheTimeIsOver) {
  Start(microseconds(1));
  SendPacket();
  // Ends whatever the clock says: the time after the last packet passes by itself.
  RunAll();
  EXPECT_EQ(packets_, 1);
  SendPacket();
  RunAll();
  EXPECT_EQ(packets_, 2);
}

TEST_F(PacketPollerTest, RoundsWithoutALookInVainBetweenThemHaveConsecutiveNumbers) {
  Start(kNever);
  SendPacket();
  SendPacket();
  RunAll();
  SendPacket();
  RunAll();
  ASSERT_EQ(rounds_.size(), 3u);
  EXPECT_EQ(rounds_[1] - rounds_[0], 1);
  EXPECT_EQ(rounds_[2] - rounds_[1], 2);
}

TEST_F(PacketPollerTest, LooksOnceMoreAfterALoadBeforeItWaits) {
  Start(kNever);
  datagrams_in_a_round_ = 100;
  SendPacket();
  RunAll();
  SendPacket();
  RunAll();
  // The load counts once: the look after it found nothing.
  datagrams_in_a_round_ = 1;
  SendPacket();
  RunAll();
  SendPacket();
  RunAll();
  ASSERT_EQ(rounds_.size(), 4u);
  EXPECT_EQ(rounds_[1] - rounds_[0], 3);
  EXPECT_EQ(rounds_[2] - rounds_[1], 3);
  EXPECT_EQ(rounds_[3] - rounds_[2], 2);
}

TEST_F(PacketPollerTest, GoesOnWhileThereIsMoreToDo) {
  Start(kNever);
  to_do_ = 20;  // more than the rounds before others have their turn
  SendPacket();
  RunAll();
  EXPECT_EQ(to_do_, 0);
  EXPECT_EQ(rounds_.size(), 21u);
  SendPacket();
  RunAll();
  EXPECT_EQ(packets_, 2);
}

TEST_F(PacketPollerTest, WhatServingOnceLeavesIsDoneWithoutAnotherPacket) {
  Start(kNever);
  to_do_ = 3;
  SendPacket();
  poller_->ServeOnce();
  EXPECT_EQ(packets_, 1);
  EXPECT_EQ(to_do_, 3);
  poller_->ServeOnce();
  EXPECT_EQ(to_do_, 2);
  RunAll();
  EXPECT_EQ(to_do_, 0);
  EXPECT_EQ(rounds_.size(), 4u);
  EXPECT_FALSE(Step());
}

TEST_F(PacketPollerTest, ForgetsASocketThatWasRemoved) {
  Start(kNever);
  poller_->Remove(ends_[0]);
  SendPacket();
  RunAll();
  EXPECT_EQ(packets_, 0);
}

}  // namespace relay::packet_poller_test
