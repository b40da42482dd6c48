#include "server/tls/dtls_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <openssl/err.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/base/byte_writer.h"
#include "tests/server/tls/dtls_client.h"
#include "tests/server/tls/system_clock.h"
#include "tests/server/tls/test_certificates.h"
#include "tests/support/heap_count.h"

namespace relay::dtls_session_test {

using test_support::At;
using test_support::Datagram;
using test_support::DtlsPair;
using test_support::NewContext;
using test_support::Outbox;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;
using State = DtlsSession::State;

constexpr std::size_t kRecordHeaderBytes = 13;
constexpr std::size_t kMessageHeaderBytes = 12;
constexpr std::uint8_t kHelloVerifyRequest = 3;

struct Fragment {
  std::uint8_t record_type = 22;
  std::uint16_t epoch = 0;
  std::uint8_t message_type = 1;
  std::uint16_t message_length = 0;
  std::uint16_t sequence = 0;
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
  Datagram content;
};

// One record with one fragment; the record's own sequence number is `number`.
Datagram Record(const Fragment& fragment, std::uint16_t number = 0) {
  Datagram datagram(kRecordHeaderBytes + kMessageHeaderBytes + fragment.content.size());
  base::ByteWriter writer(datagram);
  writer.WriteU8(fragment.record_type);
  writer.WriteU16(0xfefd);
  writer.WriteU16(fragment.epoch);
  writer.WriteZeros(4);
  writer.WriteU16(number);
  writer.WriteU16(static_cast<std::uint16_t>(datagram.size() - kRecordHeaderBytes));
  writer.WriteU8(fragment.message_type);
  writer.WriteU8(0);
  writer.WriteU16(fragment.message_length);
  writer.WriteU16(fragment.sequence);
  writer.WriteU8(0);
  writer.WriteU16(fragment.offset);
  writer.WriteU8(0);
  writer.WriteU16(fragment.length);
  writer.WriteBytes(fragment.content);
  CHECK(writer.ok());
  return datagram;
}

Datagram Joined(Datagram first, const Datagram& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

class DtlsAcceptorTest : public testing::Test {
 protected:
  DtlsAcceptorTest() {
    pair_.Begin();
    hello_ = DtlsPair::Take(pair_.client.outbox);
  }

  // Whether the acceptor neither answers nor makes a session.
  bool IsIgnored(const Datagram& datagram) {
    pair_.server.Receive(datagram);
    const bool is_ignored =
        pair_.server.session == nullptr && pair_.server.outbox.datagrams.empty();
    pair_.server.session.reset();
    pair_.server.outbox.datagrams.clear();
    return is_ignored;
  }
  // The ClientHello with the cookie that the server asked for.
  Datagram HelloWithCookie() {
    pair_.server.Receive(hello_);
    pair_.client.Receive(DtlsPair::Take(pair_.server.outbox));
    return DtlsPair::Take(pair_.client.outbox);
  }
  bool IsAskedAgain(const Datagram& hello) {
    pair_.server.Receive(hello);
    if (pair_.server.session != nullptr || pair_.server.outbox.datagrams.size() != 1) return false;
    return DtlsPair::Take(pair_.server.outbox)[kRecordHeaderBytes] == kHelloVerifyRequest;
  }

  DtlsPair pair_{NewContext()};
  Datagram hello_;  // the client's first, without a cookie
};

TEST_F(DtlsAcceptorTest, B75_RecordsOfOtherTypesAreIgnored) {
  for (int type = 0; type < 256; ++type) {
    if (type == 22) continue;
    Datagram other = hello_;
    other[0] = static_cast<std::uint8_t>(type);
    EXPECT_TRUE(IsIgnored(other)) << type;
  }
}

TEST_F(DtlsAcceptorTest, OtherVersionsEpochsAndMessagesAreIgnored) {
  for (const std::size_t position : {1U, 3U, 4U, 13U}) {
    Datagram other = hello_;
    other[position] = static_cast<std::uint8_t>(other[position] ^ 2);
    EXPECT_TRUE(IsIgnored(other)) << position;
  }
}

TEST_F(DtlsAcceptorTest, EveryTruncationIsIgnored) {
  for (std::size_t size = 0; size < hello_.size(); ++size) {
    EXPECT_TRUE(IsIgnored(Datagram(hello_.begin(), hello_.begin() + static_cast<long>(size))));
  }
}

TEST_F(DtlsAcceptorTest, LengthsThatLieAreIgnored) {
  for (const std::size_t position : {11U, 22U}) {  // of the record, of the fragment
    Datagram other = hello_;
    other[position] = 0xff;
    other[position + 1] = 0xff;
    EXPECT_TRUE(IsIgnored(other)) << position;
  }
}

TEST_F(DtlsAcceptorTest, B72_AHelloInFragmentsOfOneOctetIsIgnored) {
  const Datagram message(hello_.begin() + 25, hello_.end());
  const auto length = static_cast<std::uint16_t>(message.size());
  for (std::uint16_t offset = 0; offset < length; ++offset) {
    EXPECT_TRUE(IsIgnored(Record(
        {.message_length = length, .offset = offset, .length = 1, .content = {message[offset]}})));
  }
}

TEST_F(DtlsAcceptorTest, B72_ALaterFragmentIsIgnored) {
  const Datagram rest(hello_.begin() + 25, hello_.end());
  const auto length = static_cast<std::uint16_t>(rest.size());
  EXPECT_TRUE(IsIgnored(Record({.message_length = static_cast<std::uint16_t>(length + 10),
                                .offset = 10,
                                .length = length,
                                .content = rest})));
}

TEST_F(DtlsAcceptorTest, AFirstFragmentIsAskedForACookieAndNotKept) {
  const Datagram message(hello_.begin() + 25, hello_.end());
  EXPECT_TRUE(IsAskedAgain(Record({.message_length = 5000,
                                   .length = static_cast<std::uint16_t>(message.size()),
                                   .content = message})));
}

TEST_F(DtlsAcceptorTest, B73_FragmentsWithoutContentAreIgnored) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(IsIgnored(Record({.message_length = 100, .content = Datagram(60)})));
    EXPECT_TRUE(IsIgnored(Record({})));
  }
}

TEST_F(DtlsAcceptorTest, B74_AFragmentLongerThanItsMessageIsIgnored) {
  const Datagram message(hello_.begin() + 25, hello_.end());
  EXPECT_TRUE(IsIgnored(Record({.message_length = 50,
                                .length = static_cast<std::uint16_t>(message.size()),
                                .content = message})));
}

TEST_F(DtlsAcceptorTest, B74_MessagesFurtherOnAreIgnored) {
  for (const int sequence : {3, 10, 255}) {
    Datagram other = hello_;
    other[18] = static_cast<std::uint8_t>(sequence);
    EXPECT_TRUE(IsIgnored(other)) << sequence;
  }
}

TEST_F(DtlsAcceptorTest, DTLS_01_AHelloWithoutACookieGetsASmallerRequestForOne) {
  pair_.server.Receive(hello_);
  EXPECT_EQ(pair_.server.session, nullptr);
  ASSERT_THAT(pair_.server.outbox.datagrams, SizeIs(1));
  const Datagram request = DtlsPair::Take(pair_.server.outbox);
  EXPECT_EQ(request[kRecordHeaderBytes], kHelloVerifyRequest);
  EXPECT_LT(request.size(), hello_.size());
}

TEST_F(DtlsAcceptorTest, DTLS_01_TheSmallestHelloIsStillLargerThanTheAnswer) {
  Datagram body(42);
  body[0] = 0xfe;
  body[1] = 0xfd;
  body[37] = 2;  // one suite, after version, random, session and cookie
  body[38] = 0xc0;
  body[39] = 0x2b;
  body[40] = 1;  // one compression, none
  pair_.server.Receive(Record({.message_length = 42, .length = 42, .content = body}));
  ASSERT_THAT(pair_.server.outbox.datagrams, SizeIs(1));
  EXPECT_LT(pair_.server.outbox.datagrams.front().size(), 42 + 25u);
}

TEST_F(DtlsAcceptorTest, DTLS_01_ACookieMakesASession) {
  const Datagram hello = HelloWithCookie();
  pair_.server.Receive(hello);
  ASSERT_NE(pair_.server.session, nullptr);
  EXPECT_EQ(pair_.server.session->state(), State::kHandshake);
  EXPECT_FALSE(pair_.server.outbox.datagrams.empty());
  for (const Datagram& datagram : pair_.server.outbox.datagrams) {
    EXPECT_THAT(datagram.size(), Le(1200u));
  }
}

TEST_F(DtlsAcceptorTest, DTLS_01_AWrongCookieIsAskedAgain) {
  Datagram hello = HelloWithCookie();
  const std::size_t cookie = 25 + 2 + 32 + 1 + hello[59] + 1;
  ASSERT_EQ(hello[cookie - 1], 20);
  hello[cookie] ^= 1;
  EXPECT_TRUE(IsAskedAgain(hello));
}

TEST_F(DtlsAcceptorTest, DTLS_01_ACookieOfAnotherAddressIsAskedAgain) {
  const Datagram hello = HelloWithCookie();
  pair_.server.client = At("192.0.2.8:40000");
  EXPECT_TRUE(IsAskedAgain(hello));
  pair_.server.client = At("192.0.2.7:40001");
  EXPECT_TRUE(IsAskedAgain(hello));
  pair_.server.client = At("192.0.2.7:40000");
  pair_.server.address = At("203.0.113.2:5349");
  EXPECT_TRUE(IsAskedAgain(hello));
}

TEST_F(DtlsAcceptorTest, DTLS_01_AnOldCookieIsAskedAgain) {
  const Datagram hello = HelloWithCookie();
  pair_.server.now += std::chrono::minutes(2);
  EXPECT_TRUE(IsAskedAgain(hello));
}

TEST_F(DtlsAcceptorTest, DTLS_01_TenThousandStrangersLeaveNothingBehind) {
  if (!test_support::kHeapIsCounted) GTEST_SKIP() << "a sanitizer has its own heap";
  const auto greet = [this](std::uint32_t stranger) {
    Datagram hello = hello_;
    hello[30] = static_cast<std::uint8_t>(stranger);
    hello[31] = static_cast<std::uint8_t>(stranger >> 8);
    pair_.server.client.port = static_cast<std::uint16_t>(1024 + stranger);
    ASSERT_TRUE(IsAskedAgain(hello));
    Datagram broken = hello;
    broken[hello.size() - 1 - stranger % 40] ^= 0x55;
    broken[25 + stranger % 60] ^= 0xff;
    pair_.server.Receive(broken);
    pair_.server.outbox.datagrams.clear();
  };
  for (std::uint32_t stranger = 0; stranger < 200; ++stranger) greet(stranger);
  const auto before = static_cast<std::int64_t>(mallinfo2().uordblks);
  for (std::uint32_t stranger = 0; stranger < 10'000; ++stranger) greet(stranger);
  EXPECT_LT(static_cast<std::int64_t>(mallinfo2().uordblks) - before, 16 * 1024);
}

TEST_F(DtlsAcceptorTest, TheNextClientIsServedByAnotherSession) {
  const Datagram hello = HelloWithCookie();
  pair_.server.Receive(hello);
  const auto first = std::move(pair_.server.session);
  ASSERT_NE(first, nullptr);
  pair_.server.outbox.datagrams.clear();
  DtlsPair other(NewContext());
  other.Begin();
  EXPECT_TRUE(IsAskedAgain(other.client.outbox.datagrams.front()));
}

TEST_F(DtlsAcceptorTest, ASharedSuiteIsNeededAndNothingIsKeptWithoutOne) {
  DtlsPair pair(NewContext());
  ASSERT_EQ(SSL_CTX_set_cipher_list(pair.client.context(), "AES128-SHA:AES128-GCM-SHA256"), 1);
  EXPECT_FALSE(pair.Shake());
  EXPECT_EQ(pair.server.session, nullptr);
  EXPECT_EQ(pair.client.error(), SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE);
}

TEST_F(DtlsAcceptorTest, DTLS_07_DtlsBefore12IsRefused) {
  DtlsPair pair(NewContext());
  ASSERT_EQ(SSL_CTX_set_max_proto_version(pair.client.context(), DTLS1_VERSION), 1);
  EXPECT_FALSE(pair.Shake());
  EXPECT_EQ(pair.server.session, nullptr);
  EXPECT_EQ(pair.client.error(), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
}

TEST_F(DtlsAcceptorTest, ANewContextIsForThoseThatComeLater) {
  DtlsPair pair(NewContext());
  pair.Begin();
  pair.server.Receive(DtlsPair::Take(pair.client.outbox));
  pair.server.acceptor.SetContext(
      NewContext({test_support::LoadSelfSigned(KeyType::kEcP256, {"second.test"})}));
  pair.Carry();
  ASSERT_TRUE(pair.server.is_open());
  const X509Handle served(SSL_get1_peer_certificate(pair.client.ssl()));
  EXPECT_EQ(X509_check_host(served.get(), "second.test", 0, 0, nullptr), 1);
}

class DtlsSessionTest : public testing::Test {
 protected:
  void Shake() { ASSERT_TRUE(pair_.Shake()); }
  DtlsSession& session() { return *pair_.server.session; }
  // Brings the server to the middle of a handshake; what it has sent is lost.
  void Begin() {
    pair_.Begin();
    pair_.server.Receive(DtlsPair::Take(pair_.client.outbox));
    pair_.client.Receive(DtlsPair::Take(pair_.server.outbox));
    hello_ = DtlsPair::Take(pair_.client.outbox);
    pair_.server.Receive(hello_);
    ASSERT_NE(pair_.server.session, nullptr);
    flight_.swap(pair_.server.outbox.datagrams);
  }

  DtlsPair pair_{NewContext()};
  Datagram hello_;
  std::deque<Datagram> flight_;
};

TEST_F(DtlsSessionTest, DTLS_03_TheDemandedSuitesComplete) {
  for (const char* suite : {"DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"}) {
    DtlsPair pair(NewContext());
    ASSERT_EQ(SSL_CTX_set_cipher_list(pair.client.context(), suite), 1);
    EXPECT_TRUE(pair.Shake());
    EXPECT_STREQ(SSL_get_cipher_name(pair.client.ssl()), suite);
    EXPECT_STREQ(SSL_get_version(pair.client.ssl()), "DTLSv1.2");
  }
}

TEST_F(DtlsSessionTest, MessagesPassBothWays) {
  Shake();
  pair_.server.Receive(pair_.client.Seal("question"));
  EXPECT_THAT(pair_.server.messages, ElementsAre("question"));
  EXPECT_TRUE(pair_.server.Send("answer"));
  pair_.Carry();
  EXPECT_THAT(pair_.client.messages, ElementsAre("answer"));
}

TEST_F(DtlsSessionTest, ALossyLinkDelaysTheHandshakeOnly) {
  test_support::SeededRandom random(5);
  pair_.is_lost = [&random](const Datagram&) { return random.Below(3) == 0; };
  pair_.Begin();
  pair_.Carry();
  for (int second = 0; second < 100 && !(pair_.client.is_open() && pair_.server.is_open());
       ++second) {
    test_support::SetSystemClockForward(std::chrono::seconds(1));
    pair_.client.Retransmit();
    if (pair_.server.session != nullptr) session().Advance(pair_.server.outbox);
    pair_.Carry();
  }
  EXPECT_TRUE(pair_.client.is_open());
  EXPECT_TRUE(pair_.server.is_open());
}

TEST_F(DtlsSessionTest, TheFlightIsSentAgainWhenItIsTime) {
  Begin();
  session().Advance(pair_.server.outbox);
  EXPECT_THAT(pair_.server.outbox.datagrams, IsEmpty());
  test_support::SetSystemClockForward(std::chrono::seconds(1));
  session().Advance(pair_.server.outbox);
  EXPECT_THAT(pair_.server.outbox.datagrams, Not(IsEmpty()));
  pair_.Carry();
  EXPECT_TRUE(pair_.client.is_open() && pair_.server.is_open());
}

TEST_F(DtlsSessionTest, AClientThatNeverAnswersIsGivenUp) {
  Begin();
  int minutes = 0;
  while (session().state() == State::kHandshake && minutes < 60) {
    test_support::SetSystemClockForward(std::chrono::minutes(1));
    session().Advance(pair_.server.outbox);
    ++minutes;
  }
  EXPECT_EQ(session().state(), State::kClosed);
  EXPECT_LT(minutes, 20);
}

TEST_F(DtlsSessionTest, ALostLastFlightIsSentAgainToTheClientThatAsksForIt) {
  bool is_last_lost = true;
  pair_.is_lost = [&](const Datagram&) { return is_last_lost && pair_.server.is_open(); };
  EXPECT_FALSE(pair_.Shake());
  ASSERT_TRUE(pair_.server.is_open());
  is_last_lost = false;
  test_support::SetSystemClockForward(std::chrono::seconds(1));
  pair_.client.Retransmit();
  pair_.Carry();
  EXPECT_TRUE(pair_.client.is_open());
}

TEST_F(DtlsSessionTest, ALateCopyOfItsOwnHelloIsKnownAndDoesNoHarm) {
  Begin();
  EXPECT_TRUE(session().IsOwnClientHello(hello_));
  pair_.server.Receive(hello_);
  for (const Datagram& datagram : flight_) pair_.client.Receive(datagram);
  pair_.Carry();
  ASSERT_TRUE(pair_.server.is_open());
  EXPECT_TRUE(session().IsOwnClientHello(hello_));
  pair_.server.Receive(hello_);
  EXPECT_TRUE(pair_.server.is_open());
}

TEST_F(DtlsSessionTest, AnotherHelloIsNotItsOwn) {
  Begin();
  DtlsPair other(NewContext());
  other.Begin();
  EXPECT_FALSE(session().IsOwnClientHello(other.client.outbox.datagrams.front()));
  EXPECT_FALSE(session().IsOwnClientHello(base::Bytes(hello_).first(58)));
  Datagram record = hello_;
  record[0] = 23;
  EXPECT_FALSE(session().IsOwnClientHello(record));
}

TEST_F(DtlsSessionTest, TwoRecordsInADatagramAreTwoMessages) {
  Shake();
  const Datagram one = pair_.client.Seal("one");
  pair_.server.Receive(Joined(one, pair_.client.Seal("two")));
  EXPECT_THAT(pair_.server.messages, ElementsAre("one", "two"));
}

TEST_F(DtlsSessionTest, MessagesMayBeReadIntoTheDatagramTheyCameIn) {
  Shake();
  const std::string long_text(300, 'l');
  Datagram datagram = pair_.client.Seal("one");
  datagram = Joined(datagram, pair_.client.Seal(long_text));
  datagram = Joined(datagram, pair_.client.Seal("three"));
  Outbox outbox;
  session().Receive(datagram, outbox);
  std::vector<std::string> messages;
  while (const auto count = session().Read(datagram, outbox)) {
    messages.emplace_back(base::AsText(base::Bytes(datagram).first(*count)));
    std::ranges::fill(datagram, std::uint8_t{0xee});
  }
  EXPECT_THAT(messages, ElementsAre("one", long_text, "three"));
}

// A client that resumes is the last to speak, and may send data at once.
class DtlsResumption : public testing::Test {
 protected:
  // Brings a resumed handshake to where only the client's end of it is missing, and takes that.
  void SetUp() override {
    DtlsPair first(context_);
    ASSERT_TRUE(first.Shake());
    const std::unique_ptr<SSL_SESSION, FreeBy<SSL_SESSION_free>> ticket(
        SSL_get1_session(first.client.ssl()));
    ASSERT_EQ(SSL_set_session(pair_.client.ssl(), ticket.get()), 1);
    pair_.Begin();
    while (!pair_.client.is_open()) {
      pair_.server.Receive(DtlsPair::Take(pair_.client.outbox));
      while (!pair_.server.outbox.datagrams.empty()) {
        pair_.client.Receive(DtlsPair::Take(pair_.server.outbox));
      }
    }
    ASSERT_EQ(SSL_session_reused(pair_.client.ssl()), 1);
    ASSERT_FALSE(pair_.server.is_open());
    end_ = DtlsPair::Take(pair_.client.outbox);
  }

  std::shared_ptr<const TlsContext> context_ = NewContext();
  DtlsPair pair_{context_};
  Datagram end_;
};

TEST_F(DtlsResumption, DataInTheDatagramThatEndsTheHandshakeIsNotLost) {
  pair_.server.Receive(Joined(end_, pair_.client.Seal("at once")));
  EXPECT_TRUE(pair_.server.is_open());
  EXPECT_THAT(pair_.server.messages, ElementsAre("at once"));
}

TEST_F(DtlsResumption, DataThatOvertakesTheEndOfTheHandshakeDoesNoHarm) {
  pair_.server.Receive(pair_.client.Seal("too early"));
  EXPECT_FALSE(pair_.server.is_open());
  pair_.server.Receive(end_);
  EXPECT_TRUE(pair_.server.is_open());
  pair_.server.Receive(pair_.client.Seal("in time"));
  EXPECT_EQ(pair_.server.messages.back(), "in time");
}

TEST_F(DtlsSessionTest, MessagesThatOvertakeEachOtherAllArrive) {
  Shake();
  const Datagram first = pair_.client.Seal("first");
  pair_.server.Receive(pair_.client.Seal("second"));
  pair_.server.Receive(first);
  EXPECT_THAT(pair_.server.messages, ElementsAre("second", "first"));
}

TEST_F(DtlsSessionTest, ALargestMessagePassesAndALargerOneIsRefused) {
  Shake();
  const std::string largest(DtlsSession::kMaxMessageBytes, 'x');
  EXPECT_FALSE(pair_.server.Send(largest + "x"));
  EXPECT_FALSE(pair_.server.Send(""));
  EXPECT_THAT(pair_.server.outbox.datagrams, IsEmpty());
  EXPECT_TRUE(pair_.server.Send(largest));
  EXPECT_THAT(pair_.server.outbox.datagrams, SizeIs(1));
  pair_.server.Receive(pair_.client.Seal(largest));
  pair_.Carry();
  EXPECT_TRUE(pair_.client.messages == std::vector{largest});
  EXPECT_TRUE(pair_.server.messages == std::vector{largest});
}

TEST_F(DtlsSessionTest, NothingIsSentBeforeTheHandshakeIsOver) {
  Begin();
  EXPECT_FALSE(pair_.server.Send("text"));
  EXPECT_THAT(pair_.server.outbox.datagrams, IsEmpty());
  std::array<std::uint8_t, 10> into;
  EXPECT_EQ(session().Read(into, pair_.server.outbox), std::nullopt);
}

// RFC 6347 section 4.1.2.7. Among them are records that are too short to be encrypted.
TEST_F(DtlsSessionTest, ForgedAndBrokenRecordsAreIgnored) {
  for (const char* suite : {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
                            "ECDHE-RSA-CHACHA20-POLY1305"}) {
    DtlsPair pair(NewContext());
    ASSERT_EQ(SSL_CTX_set_cipher_list(pair.client.context(), suite), 1);
    ASSERT_TRUE(pair.Shake());
    const Datagram good = pair.client.Seal("good");
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      Datagram changed = good;
      changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
      pair.server.Receive(changed);
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
      pair.server.Receive(base::Bytes(good).first(size));
    }
    for (const std::uint8_t type : Datagram{20, 21, 22, 23, 24, 99}) {
      for (const std::uint16_t epoch : std::vector<std::uint16_t>{0, 1, 2, 0xffff}) {
        for (std::size_t size = 0; size < 60; ++size) {
          pair.server.Receive(
              Record({.record_type = type, .epoch = epoch, .content = Datagram(size)}, 99));
          Datagram header = Record({.record_type = type, .epoch = epoch, .content = {}}, 99);
          header.resize(kRecordHeaderBytes);
          header[12] = static_cast<std::uint8_t>(size);
          pair.server.Receive(Joined(header, Datagram(size)));
        }
      }
    }
    EXPECT_TRUE(pair.server.is_open()) << suite;
    EXPECT_THAT(pair.server.outbox.datagrams, IsEmpty());
    EXPECT_THAT(pair.server.messages, IsEmpty());
    pair.server.Receive(good);
    EXPECT_THAT(pair.server.messages, ElementsAre("good"));
  }
}

TEST_F(DtlsSessionTest, WhatFollowsABrokenRecordIsIgnoredAndWhatPrecedesItCounts) {
  Shake();
  const Datagram good = pair_.client.Seal("good");
  const Datagram lost = pair_.client.Seal("lost");
  pair_.server.Receive(
      Joined(Joined(good, {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 0}), lost));
  EXPECT_THAT(pair_.server.messages, ElementsAre("good"));
  EXPECT_TRUE(pair_.server.is_open());
}

TEST_F(DtlsSessionTest, ACopyOfAMessageIsIgnored) {
  Shake();
  const Datagram datagram = pair_.client.Seal("once");
  pair_.server.Receive(datagram);
  pair_.server.Receive(datagram);
  EXPECT_THAT(pair_.server.messages, ElementsAre("once"));
}

TEST_F(DtlsSessionTest, B72_B73_B74_FragmentsInTheHandshakeEndItAtWorst) {
  const std::vector<Fragment> fragments = {
      {.message_type = 16, .message_length = 200, .sequence = 2, .length = 0, .content = {}},
      {.message_type = 16,
       .message_length = 200,
       .sequence = 3,
       .offset = 7,
       .length = 1,
       .content = {1}},
      {.message_type = 16,
       .message_length = 10,
       .sequence = 2,
       .length = 20,
       .content = Datagram(20)},
      {.message_type = 16,
       .message_length = 200,
       .sequence = 9,
       .length = 5,
       .content = Datagram(5)},
      {.message_type = 16,
       .message_length = 200,
       .sequence = 200,
       .length = 5,
       .content = Datagram(5)},
      {.message_type = 16,
       .message_length = 0xffff,
       .sequence = 2,
       .offset = 0xff00,
       .length = 1,
       .content = {1}},
      {.epoch = 1,
       .message_type = 20,
       .message_length = 12,
       .sequence = 3,
       .length = 12,
       .content = Datagram(12)}};
  for (const Fragment& fragment : fragments) {
    DtlsPair pair(NewContext());
    pair.Begin();
    pair.server.Receive(DtlsPair::Take(pair.client.outbox));
    pair.client.Receive(DtlsPair::Take(pair.server.outbox));
    pair.server.Receive(DtlsPair::Take(pair.client.outbox));
    ASSERT_NE(pair.server.session, nullptr);
    pair.server.outbox.datagrams.clear();
    for (std::uint16_t number = 2; number < 4000; ++number) {
      pair.server.Receive(Record(fragment, number));
    }
    EXPECT_NE(pair.server.session->state(), State::kOpen);
    EXPECT_THAT(pair.server.outbox.datagrams.size(), Le(1u));
  }
}

TEST_F(DtlsSessionTest, B72_FragmentsThatNeverCompleteKeepLittleMemory) {
  if (!test_support::kHeapIsCounted) GTEST_SKIP() << "a sanitizer has its own heap";
  Begin();
  const auto before = static_cast<std::int64_t>(mallinfo2().uordblks);
  std::uint16_t number = 2;
  for (std::uint16_t sequence = 2; sequence < 60; ++sequence) {
    for (std::uint16_t offset = 1; offset < 100; ++offset) {
      pair_.server.Receive(Record({.message_type = 16,
                                   .message_length = 16'000,
                                   .sequence = sequence,
                                   .offset = offset,
                                   .length = 1,
                                   .content = {1}},
                                  number++));
    }
  }
  EXPECT_LT(static_cast<std::int64_t>(mallinfo2().uordblks) - before, 512 * 1024);
}

TEST_F(DtlsSessionTest, DTLS_06_CloseNotifyClosesAndIsAnswered) {
  Shake();
  const Datagram last_words = pair_.client.Seal("last words");
  pair_.server.Receive(Joined(last_words, pair_.client.SealCloseNotify()));
  EXPECT_THAT(pair_.server.messages, ElementsAre("last words"));
  EXPECT_EQ(session().state(), State::kClosed);
  EXPECT_THAT(pair_.server.outbox.datagrams, SizeIs(1));
  EXPECT_FALSE(pair_.server.Send("too late"));
}

TEST_F(DtlsSessionTest, DTLS_06_AFatalAlertCloses) {
  Begin();
  pair_.server.Receive(Datagram{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40});
  EXPECT_EQ(session().state(), State::kClosed);
}

TEST_F(DtlsSessionTest, CloseTellsTheClient) {
  Shake();
  session().Close(pair_.server.outbox);
  EXPECT_EQ(session().state(), State::kClosed);
  pair_.Carry();
  EXPECT_TRUE(pair_.client.is_at_end());
}

TEST_F(DtlsSessionTest, CloseInTheHandshakeIsSilent) {
  Begin();
  session().Close(pair_.server.outbox);
  EXPECT_EQ(session().state(), State::kClosed);
  EXPECT_THAT(pair_.server.outbox.datagrams, IsEmpty());
  pair_.server.Receive(hello_);
  session().Advance(pair_.server.outbox);
  EXPECT_THAT(pair_.server.outbox.datagrams, IsEmpty());
}

TEST_F(DtlsSessionTest, RenegotiationIsRefusedAndTheAssociationGoesOn) {
  Shake();
  ASSERT_EQ(SSL_renegotiate(pair_.client.ssl()), 1);
  pair_.client.StartAgain();
  ASSERT_FALSE(pair_.client.outbox.datagrams.empty());
  pair_.server.Receive(DtlsPair::Take(pair_.client.outbox));
  EXPECT_TRUE(pair_.server.is_open());
  EXPECT_THAT(pair_.server.outbox.datagrams, SizeIs(1));
  EXPECT_TRUE(pair_.server.Send("still here"));
}

TEST_F(DtlsSessionTest, AMessageCostsNoMemory) {
  if (!test_support::kHeapIsCounted) GTEST_SKIP() << "a sanitizer has its own heap";
  Shake();
  const auto exchange = [this] {
    pair_.server.Receive(pair_.client.Seal("question"));
    ASSERT_TRUE(pair_.server.Send("answer"));
    pair_.server.messages.clear();
    pair_.server.outbox.datagrams.clear();
  };
  for (int i = 0; i < 200; ++i) exchange();
  const auto before = static_cast<std::int64_t>(mallinfo2().uordblks);
  for (int i = 0; i < 10'000; ++i) exchange();
  EXPECT_LT(static_cast<std::int64_t>(mallinfo2().uordblks) - before, 16 * 1024);
}

}  // namespace relay::dtls_session_test
