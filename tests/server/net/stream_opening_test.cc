#include "server/net/stream_opening.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>

namespace relay::stream_opening_test {

using boost::asio::ip::tcp;
using Step = StreamOpening::Step;

constexpr std::string_view kHeader = "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n";

// A connection over loopback: the test writes at one end, the opening has the other. What was
// written has arrived when the call returns.
class StreamOpeningTest : public testing::Test {
 protected:
  void Open(StreamEntrance::Kind kind, bool is_trusted = false) {
    entrance_.kind = kind;
    if (is_trusted) entrance_.trusted_proxies = {*base::IpPrefix::Parse("203.0.113.0/24")};
    tcp::acceptor acceptor(io_, {boost::asio::ip::address_v4::loopback(), 0});
    client_.connect(acceptor.local_endpoint());
    tcp::socket accepted = acceptor.accept();
    accepted.non_blocking(true);
    opening_ = std::make_unique<StreamOpening>(
        StreamSocket(std::move(accepted)), entrance_,
        base::FiveTuple{*base::Endpoint::Parse("203.0.113.9:5000"),
                        *base::Endpoint::Parse("198.51.100.9:443"), base::Transport::kTcp},
        base::MonotonicTime());
  }
  void Write(std::string_view text) { boost::asio::write(client_, boost::asio::buffer(text)); }
  Step Advance() { return opening_->Advance(nullptr); }

  boost::asio::io_context io_;
  tcp::socket client_{io_};
  StreamEntrance entrance_;
  std::unique_ptr<StreamOpening> opening_;
};

TEST_F(StreamOpeningTest, AsksForAdmissionBeforeItLooksAtAnything) {
  Open(StreamEntrance::Kind::kTcp);
  EXPECT_EQ(Advance(), Step::kAdmit);
  EXPECT_EQ(Advance(), Step::kWaitRead);
  EXPECT_EQ(opening_->five_tuple().client.ToString(), "203.0.113.9:5000");
}

TEST_F(StreamOpeningTest, TurnInTheClearIsForTcpListenersOnly) {
  for (const auto& [kind, step] : {std::pair{StreamEntrance::Kind::kTcp, Step::kTurn},
                                   std::pair{StreamEntrance::Kind::kTls, Step::kClose},
                                   std::pair{StreamEntrance::Kind::kEdge, Step::kClose}}) {
    client_ = tcp::socket(io_);
    Open(kind);
    Write(std::string_view("\0\1", 2));
    EXPECT_EQ(Advance(), Step::kAdmit);
    EXPECT_EQ(Advance(), step);
  }
}

TEST_F(StreamOpeningTest, B23_HttpInTheClearIsClosed) {
  Open(StreamEntrance::Kind::kTcp);
  Write("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(Advance(), Step::kAdmit);
  EXPECT_EQ(Advance(), Step::kClose);
}

TEST_F(StreamOpeningTest, B24_TlsWithoutACertificateIsClosed) {
  Open(StreamEntrance::Kind::kTcp);
  Write(std::string_view("\x16\x03\x01\x02\x00", 5));
  EXPECT_EQ(Advance(), Step::kAdmit);
  EXPECT_EQ(Advance(), Step::kClose);
}

TEST_F(StreamOpeningTest, TheEndBeforeTheFirstOctetIsTheEnd) {
  Open(StreamEntrance::Kind::kTcp);
  client_.close();
  EXPECT_EQ(Advance(), Step::kAdmit);
  EXPECT_EQ(Advance(), Step::kClose);
}

TEST_F(StreamOpeningTest, AHeaderFromAnybodyElseIsNoHeader) {
  Open(StreamEntrance::Kind::kTcp);
  Write(kHeader);
  EXPECT_EQ(Advance(), Step::kAdmit);
  EXPECT_EQ(Advance(), Step::kClose);
  EXPECT_FALSE(opening_->is_reading_proxy_header());
}

TEST_F(StreamOpeningTest, ATrustedProxyMustSayForWhomItComes) {
  Open(StreamEntrance::Kind::kTcp, true);
  Write(std::string_view("\0\1\0\0", 4));
  EXPECT_EQ(Advance(), Step::kClose);
  EXPECT_TRUE(opening_->is_reading_proxy_header());
}

TEST_F(StreamOpeningTest, TheClientIsTheOneInTheHeader) {
  Open(StreamEntrance::Kind::kTcp, true);
  Write(std::string(kHeader) + std::string(1, '\0'));
  EXPECT_EQ(Advance(), Step::kAdmit);
  EXPECT_EQ(opening_->five_tuple().client.ToString(), "192.0.2.1:1000");
  EXPECT_EQ(opening_->five_tuple().server.ToString(), "203.0.113.9:5000")
      << "unique while it lives";
  EXPECT_EQ(Advance(), Step::kTurn);
}

TEST_F(StreamOpeningTest, AHeaderMayComeOctetByOctetAndNothingBehindItIsTaken) {
  Open(StreamEntrance::Kind::kTcp, true);
  for (const char octet : kHeader) {
    EXPECT_EQ(Advance(), Step::kWaitRead);
    Write({&octet, 1});
  }
  EXPECT_EQ(Advance(), Step::kAdmit);
  Write(std::string_view("\0\1\2", 3));
  EXPECT_EQ(Advance(), Step::kTurn);
  std::array<std::uint8_t, 8> octets;
  const StreamOutcome rest = opening_->socket().Read(octets);
  EXPECT_EQ(rest.bytes, 3u);
  EXPECT_EQ(octets[1], 1);
}

TEST_F(StreamOpeningTest, ItHasItsTime) {
  Open(StreamEntrance::Kind::kEdge);
  EXPECT_FALSE(opening_->IsOverdue(base::MonotonicTime(StreamOpening::kTimeout)));
  EXPECT_TRUE(opening_->IsOverdue(base::MonotonicTime(StreamOpening::kTimeout) +
                                  std::chrono::milliseconds(1)));
}

}  // namespace relay::stream_opening_test
