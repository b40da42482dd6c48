#include "server/tls/datagram_port.h"

#include <gtest/gtest.h>

#include "tests/server/tls/dtls_client.h"
#include "tests/server/tls/test_certificates.h"

namespace relay::datagram_port_test {

using test_support::Datagram;
using test_support::Outbox;

class DatagramPortTest : public testing::Test {
 protected:
  DatagramPortTest() {
    CHECK(ssl_ != nullptr && port_.AttachTo(ssl_.get()));
    bio_ = SSL_get_rbio(ssl_.get());
  }

  int Read(std::size_t size) {
    buffer_.assign(size, 0);
    return BIO_read(bio_, buffer_.data(), static_cast<int>(size));
  }

  DatagramPort port_;
  SslContextHandle context_{SSL_CTX_new(DTLS_method())};
  SslHandle ssl_{SSL_new(context_.get())};
  BIO* bio_ = nullptr;  // the session's
  Outbox outbox_;
  Datagram buffer_;
};

TEST_F(DatagramPortTest, WithoutADatagramItIsToBeTriedLater) {
  EXPECT_EQ(Read(10), -1);
  EXPECT_TRUE(BIO_should_retry(bio_));
  EXPECT_TRUE(BIO_should_read(bio_));
}

TEST_F(DatagramPortTest, WhatIsNotReadDuringTheVisitIsLost) {
  const Datagram datagram = {1, 2, 3};
  { const DatagramPort::Visit visit(port_, datagram, outbox_); }
  EXPECT_EQ(Read(10), -1);
}

TEST_F(DatagramPortTest, WhatIsWrittenOutsideAVisitIsLost) {
  EXPECT_EQ(BIO_write(bio_, "abc", 3), 3);
  EXPECT_TRUE(outbox_.datagrams.empty());
}

TEST_F(DatagramPortTest, ADatagramIsReadOnceAndWhole) {
  const Datagram datagram = {1, 2, 3};
  const DatagramPort::Visit visit(port_, datagram, outbox_);
  EXPECT_EQ(BIO_pending(bio_), 3);
  ASSERT_EQ(Read(10), 3);
  EXPECT_EQ(buffer_[2], 3);
  EXPECT_EQ(Read(10), -1);
}

TEST_F(DatagramPortTest, TheRestOfADatagramThatDoesNotFitIsLost) {
  const Datagram datagram = {1, 2, 3};
  const DatagramPort::Visit visit(port_, datagram, outbox_);
  EXPECT_EQ(Read(2), 2);
  EXPECT_EQ(Read(2), -1);
}

TEST_F(DatagramPortTest, PeekingLeavesTheDatagramThere) {
  const Datagram datagram = {1, 2, 3};
  const DatagramPort::Visit visit(port_, datagram, outbox_);
  BIO_ctrl(bio_, BIO_CTRL_DGRAM_SET_PEEK_MODE, 1, nullptr);
  EXPECT_EQ(Read(10), 3);
  BIO_ctrl(bio_, BIO_CTRL_DGRAM_SET_PEEK_MODE, 0, nullptr);
  EXPECT_EQ(Read(10), 3);
  EXPECT_EQ(Read(10), -1);
}

TEST_F(DatagramPortTest, EachWriteIsADatagram) {
  const DatagramPort::Visit visit(port_, {}, outbox_);
  EXPECT_EQ(BIO_write(bio_, "abc", 3), 3);
  EXPECT_EQ(BIO_write(bio_, "de", 2), 2);
  EXPECT_EQ(outbox_.datagrams, (std::deque<Datagram>{{'a', 'b', 'c'}, {'d', 'e'}}));
}

TEST_F(DatagramPortTest, WithoutAStrangerThereIsNoCookie) {
  std::array<std::uint8_t, 255> cookie{};
  unsigned size = 0;
  EXPECT_EQ(DatagramPort::GenerateCookie(ssl_.get(), cookie.data(), &size), 0);
  EXPECT_EQ(DatagramPort::VerifyCookie(ssl_.get(), cookie.data(), 20), 0);
  EXPECT_EQ(DatagramPort::VerifyCookie(ssl_.get(), cookie.data(), 0), 0);
}

TEST_F(DatagramPortTest, AGoodCookieStaysGoodForTheHandshakeAndNoOtherDoes) {
  test_support::SeededRandom random(3);
  const DtlsCookies cookies(random);
  const base::Endpoint client = test_support::At("192.0.2.1:1");
  const base::Endpoint server = test_support::At("192.0.2.2:2");
  const DatagramPort::Stranger stranger{cookies, client, server, {}};
  DtlsCookies::Cookie cookie = cookies.Make(client, server, {});

  port_.SetStranger(&stranger);
  EXPECT_EQ(DatagramPort::VerifyCookie(ssl_.get(), cookie.data(), 20), 1);
  port_.SetStranger(nullptr);
  EXPECT_EQ(DatagramPort::VerifyCookie(ssl_.get(), cookie.data(), 20), 1);
  EXPECT_EQ(DatagramPort::VerifyCookie(ssl_.get(), cookie.data(), 19), 0);
  cookie[0] ^= 1;
  EXPECT_EQ(DatagramPort::VerifyCookie(ssl_.get(), cookie.data(), 20), 0);
}

}  // namespace relay::datagram_port_test
