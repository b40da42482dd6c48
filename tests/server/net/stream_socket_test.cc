#include "server/net/stream_socket.h"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>

namespace relay::stream_socket_test {

using boost::asio::ip::tcp;
using Status = StreamOutcome::Status;

class StreamSocketTest : public testing::Test {
 protected:
  StreamSocketTest() {
    tcp::acceptor acceptor(io_, {boost::asio::ip::address_v4::loopback(), 0});
    client_.connect(acceptor.local_endpoint());
    tcp::socket accepted = acceptor.accept();
    accepted.non_blocking(true);
    socket_.emplace(std::move(accepted));
  }

  int Option(int option) {
    int value = -1;
    socklen_t size = sizeof(value);
    EXPECT_EQ(::getsockopt(socket_->descriptor(), IPPROTO_TCP, option, &value, &size), 0);
    return value;
  }

  boost::asio::io_context io_;
  tcp::socket client_{io_};
  std::optional<StreamSocket> socket_;
  std::array<std::uint8_t, 16> octets_{};
};

TEST_F(StreamSocketTest, WhatIsClosedIsNeitherReadNorWritten) {
  boost::asio::write(client_, boost::asio::buffer("abc", 3));
  socket_->Close();
  EXPECT_EQ(socket_->Read(octets_).status, Status::kFailed);
  EXPECT_EQ(socket_->Peek(octets_).status, Status::kFailed);
  EXPECT_EQ(socket_->Write(octets_).status, Status::kFailed);
  EXPECT_FALSE(socket_->has_buffered());
  socket_->Close();
}

TEST_F(StreamSocketTest, TheEndOfTheOtherSideIsSeenThroughUnreadOctets) {
  boost::asio::write(client_, boost::asio::buffer("abc", 3));
  EXPECT_FALSE(socket_->HasPeerEnded());
  client_.shutdown(tcp::socket::shutdown_send);
  EXPECT_TRUE(socket_->HasPeerEnded());
  EXPECT_EQ(socket_->Read(octets_).bytes, 3u);
}

TEST_F(StreamSocketTest, AClientThatDoesNotReadIsNotTakenForGone) {
  TuneClientSocket(socket_->descriptor());
  EXPECT_EQ(Option(TCP_USER_TIMEOUT), 0) << "Linux counts a window of zero as no answer";
  EXPECT_EQ(Option(TCP_NODELAY), 1);
  EXPECT_GT(Option(TCP_NOTSENT_LOWAT), 0);
}

}  // namespace relay::stream_socket_test
