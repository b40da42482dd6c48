#include "server/tls/tls_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/server/tls/test_certificates.h"
#include "tests/server/tls/tls_client.h"

namespace relay::tls_session_test {

using test_support::NewContext;
using test_support::TlsPair;
using Protocol = TlsContext::Protocol;
using Status = StreamOutcome::Status;

class TlsSessionTest : public testing::TestWithParam<int> {
 protected:
  TlsSessionTest() { pair_.client.UseVersion(GetParam()); }

  void Shake() {
    ASSERT_EQ(pair_.Shake(), Status::kDone);
    pair_.client.Read();
  }
  std::string Read(std::size_t size = 100) {
    std::vector<std::uint8_t> into(size);
    const StreamOutcome outcome = pair_.server.Read(into);
    if (outcome.status != Status::kDone) return "";
    return std::string(base::AsText(base::Bytes(into).first(outcome.bytes)));
  }
  Status ReadStatus() {
    std::vector<std::uint8_t> into(100);
    return pair_.server.Read(into).status;
  }
  StreamOutcome Write(std::string_view text) { return pair_.server.Write(base::AsBytes(text)); }
  StreamOutcome WriteEach(const std::vector<std::string>& texts) {
    std::vector<base::Bytes> messages(texts.size());
    std::ranges::transform(texts, messages.begin(),
                           [](const std::string& text) { return base::AsBytes(text); });
    return pair_.server.WriteEach(messages);
  }
  // Until parts of records wait; everything that was written.
  std::string FillUp() {
    const std::vector<std::string> texts = {std::string(1000, 'a'), "b", std::string(2000, 'c')};
    std::string written;
    while (!pair_.server.has_unsent()) {
      const StreamOutcome outcome = WriteEach(texts);
      EXPECT_EQ(outcome.status, Status::kDone);
      EXPECT_EQ(outcome.bytes, 3001u);
      if (outcome.status != Status::kDone) break;
      written += texts[0] + texts[1] + texts[2];
    }
    return written;
  }

  // What the client reads until it has so much; the server does nothing meanwhile.
  std::string ReadAtClient(std::size_t size) {
    std::string received;
    while (received.size() < size) {
      const std::string piece = pair_.client.Read();
      EXPECT_FALSE(piece.empty());
      if (piece.empty()) break;
      received += piece;
    }
    return received;
  }

  TlsPair pair_{NewContext()};
};

INSTANTIATE_TEST_SUITE_P(Versions, TlsSessionTest, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) {
                           return version.param == TLS1_2_VERSION ? "Tls12" : "Tls13";
                         });

TEST_P(TlsSessionTest, WhatIsNotTlsFails) {
  ASSERT_EQ(::send(pair_.sockets.client(), "\0\1\0\0\x21\x12\xa4\x42nonsense", 16, 0), 16);
  EXPECT_EQ(pair_.server.Handshake().status, Status::kFailed);
}

TEST_P(TlsSessionTest, AfterAFailureEverythingFails) {
  ASSERT_EQ(::send(pair_.sockets.client(), "nonsense nonsense", 17, 0), 17);
  EXPECT_EQ(pair_.server.Handshake().status, Status::kFailed);
  EXPECT_EQ(pair_.server.Handshake().status, Status::kFailed);
  EXPECT_EQ(ReadStatus(), Status::kFailed);
  EXPECT_EQ(Write("text").status, Status::kFailed);
  pair_.server.SendCloseNotify();
  EXPECT_FALSE(pair_.server.has_buffered());
}

TEST_P(TlsSessionTest, AProbeThatComesAndGoesIsAnEnd) {
  pair_.sockets.CloseClient();
  EXPECT_EQ(pair_.server.Handshake().status, Status::kEnd);
}

TEST_P(TlsSessionTest, WhoLeavesInTheMiddleOfTheHandshakeHasFailed) {
  pair_.client.Connect(pair_.sockets.client());
  pair_.client.Advance();
  EXPECT_EQ(pair_.server.Handshake().status, Status::kWantRead);
  pair_.sockets.CloseClient();
  EXPECT_EQ(pair_.server.Handshake().status, Status::kFailed);
}

TEST_P(TlsSessionTest, TheHandshakeWaitsForTheClient) {
  EXPECT_EQ(pair_.server.Handshake().status, Status::kWantRead);
  Shake();
}

TEST_P(TlsSessionTest, NothingToReadMeansWaiting) {
  Shake();
  EXPECT_EQ(ReadStatus(), Status::kWantRead);
}

TEST_P(TlsSessionTest, OctetsPassBothWays) {
  Shake();
  EXPECT_TRUE(pair_.client.Write("question"));
  EXPECT_EQ(Read(), "question");
  const StreamOutcome written = Write("answer");
  EXPECT_EQ(written.status, Status::kDone);
  EXPECT_EQ(written.bytes, 6u);
  EXPECT_EQ(pair_.client.Read(), "answer");
}

TEST_P(TlsSessionTest, EmptySpansMoveNothingAndHarmNothing) {
  Shake();
  EXPECT_EQ(pair_.server.Read({}).status, Status::kDone);
  EXPECT_EQ(pair_.server.Read({}).bytes, 0u);
  EXPECT_EQ(Write("").status, Status::kDone);
  EXPECT_TRUE(pair_.client.Write("text"));
  EXPECT_EQ(Read(), "text");
}

TEST_P(TlsSessionTest, TellsWhenDecryptedOctetsWait) {
  Shake();
  EXPECT_FALSE(pair_.server.has_buffered());
  EXPECT_TRUE(pair_.client.Write("text"));
  EXPECT_EQ(Read(1), "t");
  EXPECT_TRUE(pair_.server.has_buffered());
  EXPECT_EQ(Read(), "ext");
  EXPECT_FALSE(pair_.server.has_buffered());
}

TEST_P(TlsSessionTest, ASecondRecordWaitsInTheSocket) {
  Shake();
  EXPECT_TRUE(pair_.client.Write("one"));
  EXPECT_TRUE(pair_.client.Write("two"));
  EXPECT_EQ(Read(), "one");
  EXPECT_FALSE(pair_.server.has_buffered());
  EXPECT_EQ(Read(), "two");
}

TEST_P(TlsSessionTest, HalfARecordIsNothingThatWaits) {
  Shake();
  const BioHandle record(BIO_new(BIO_s_mem()));
  BIO_up_ref(record.get());
  SSL_set0_wbio(pair_.client.ssl(), record.get());
  EXPECT_TRUE(pair_.client.Write("a text of some length"));
  char* octets = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(record.get(), &octets));
  for (std::size_t sent = 0; sent < size; ++sent) {
    EXPECT_EQ(ReadStatus(), Status::kWantRead);
    EXPECT_FALSE(pair_.server.has_buffered());
    ASSERT_EQ(::send(pair_.sockets.client(), octets + sent, 1, 0), 1);
  }
  EXPECT_EQ(Read(), "a text of some length");
}

TEST_P(TlsSessionTest, ChangedOctetsFail) {
  Shake();
  const std::array<std::uint8_t, 45> forged = {23, 3, 3, 0, 40};
  ASSERT_EQ(::send(pair_.sockets.client(), forged.data(), forged.size(), 0), 45);
  EXPECT_EQ(ReadStatus(), Status::kFailed);
}

TEST_P(TlsSessionTest, AFullSocketIsWaitedForAndTheSameOctetsMayLieElsewhere) {
  Shake();
  std::string sent;
  std::string next = std::string(40'000, 'a') + std::string(30'000, 'b');
  StreamOutcome outcome = Write(next);
  while (outcome.status == Status::kDone) {
    sent += next.substr(0, outcome.bytes);
    std::ranges::rotate(next, next.begin() + 777);
    outcome = Write(next);
  }
  ASSERT_EQ(outcome.status, Status::kWantWrite);
  EXPECT_EQ(Write(next).status, Status::kWantWrite);

  std::string received = pair_.client.Read();
  const std::string elsewhere = next + "and more";
  next.assign(next.size(), '\0');
  for (std::size_t offset = 0; offset < elsewhere.size();) {
    outcome = Write(std::string_view(elsewhere).substr(offset));
    if (outcome.status == Status::kDone) {
      sent += elsewhere.substr(offset, outcome.bytes);
      offset += outcome.bytes;
    } else {
      ASSERT_EQ(outcome.status, Status::kWantWrite);
      received += pair_.client.Read();
    }
  }
  received += ReadAtClient(sent.size() - received.size());
  EXPECT_TRUE(received == sent);
}

TEST_P(TlsSessionTest, AWriteTakesPartOfWhatIsOffered) {
  Shake();
  const StreamOutcome outcome = Write(std::string(100'000, 'a'));
  EXPECT_EQ(outcome.status, Status::kDone);
  EXPECT_GT(outcome.bytes, 0u);
  EXPECT_LT(outcome.bytes, 100'000u);
}

TEST_P(TlsSessionTest, EachMessageIsARecordOfItsOwn) {
  Shake();
  const StreamOutcome outcome = WriteEach({"one", "", "three", "four"});
  EXPECT_EQ(outcome.status, Status::kDone);
  EXPECT_EQ(outcome.bytes, 12u);
  EXPECT_FALSE(pair_.server.has_unsent());
  for (const std::string_view expected : {"one", "three", "four"}) {
    std::array<char, 100> record;
    const int count = SSL_read(pair_.client.ssl(), record.data(), record.size());
    ASSERT_GT(count, 0);
    EXPECT_EQ(std::string_view(record.data(), static_cast<std::size_t>(count)), expected);
  }
}

TEST_P(TlsSessionTest, AMessageOfSeveralRecordsIsTakenAsAWhole) {
  Shake();
  const std::string text = std::string(40'000, 'a') + std::string(25'000, 'b');
  EXPECT_EQ(WriteEach({text}).bytes, text.size());
  EXPECT_TRUE(pair_.client.Read() == text);
}

TEST_P(TlsSessionTest, NoMessageIsNothing) {
  Shake();
  EXPECT_EQ(WriteEach({}).status, Status::kDone);
  EXPECT_EQ(pair_.server.SendUnsent().status, Status::kDone);
  EXPECT_EQ(pair_.client.Read(), "");
}

TEST_P(TlsSessionTest, WhatTheSocketHasNoRoomForGoesBeforeAnythingElse) {
  Shake();
  std::string written = FillUp();
  EXPECT_EQ(pair_.server.SendUnsent().status, Status::kWantWrite);
  EXPECT_EQ(Write("last words").status, Status::kWantWrite);
  EXPECT_TRUE(pair_.server.has_unsent());

  std::string received;
  while (pair_.server.SendUnsent().status == Status::kWantWrite) {
    received += ReadAtClient(1);
  }
  EXPECT_FALSE(pair_.server.has_unsent());
  EXPECT_EQ(Write("last words").status, Status::kDone);
  written += "last words";
  received += ReadAtClient(written.size() - received.size());
  EXPECT_TRUE(received == written);
}

TEST_P(TlsSessionTest, AWriteTakesWhatWaitsAlong) {
  Shake();
  std::string written = FillUp();
  EXPECT_EQ(Write("last words").status, Status::kWantWrite);
  written += "last words";
  std::string received;
  while (Write("last words").status == Status::kWantWrite) {
    received += ReadAtClient(1);
  }
  received += ReadAtClient(written.size() - received.size());
  EXPECT_TRUE(received == written);
}

TEST_P(TlsSessionTest, MessagesForAClientThatIsGoneFail) {
  Shake();
  pair_.sockets.CloseClient();
  EXPECT_EQ(WriteEach({"one", "two"}).status, Status::kFailed);
  EXPECT_EQ(Write("three").status, Status::kFailed);
  EXPECT_EQ(WriteEach({"four"}).status, Status::kFailed);
}

TEST_P(TlsSessionTest, WhatWaitsForAClientThatIsGoneFails) {
  Shake();
  FillUp();
  pair_.sockets.CloseClient();
  EXPECT_EQ(pair_.server.SendUnsent().status, Status::kFailed);
  EXPECT_EQ(ReadStatus(), Status::kFailed);
}

TEST_P(TlsSessionTest, CloseNotifyOfTheClientIsTheEnd) {
  Shake();
  EXPECT_TRUE(pair_.client.Write("last words"));
  SSL_shutdown(pair_.client.ssl());
  EXPECT_EQ(Read(), "last words");
  EXPECT_EQ(ReadStatus(), Status::kEnd);
}

TEST_P(TlsSessionTest, AnEndWithoutCloseNotifyIsAnEndOfThatHalfOnly) {
  Shake();
  EXPECT_TRUE(pair_.client.Write("last words"));
  ::shutdown(pair_.sockets.client(), SHUT_WR);
  EXPECT_EQ(Read(), "last words");
  EXPECT_EQ(ReadStatus(), Status::kEnd);
  EXPECT_EQ(ReadStatus(), Status::kEnd);
  EXPECT_EQ(Write("answer").status, Status::kDone);
  EXPECT_EQ(pair_.client.Read(), "answer");
}

TEST_P(TlsSessionTest, AClientThatIsGoneRaisesNoSignal) {
  Shake();
  pair_.sockets.CloseClient();
  StreamOutcome outcome = Write("text");
  EXPECT_EQ(outcome.status, Status::kFailed);
  pair_.server.SendCloseNotify();
}

TEST_P(TlsSessionTest, SendsCloseNotify) {
  Shake();
  EXPECT_EQ(Write("last words").status, Status::kDone);
  pair_.server.SendCloseNotify();
  EXPECT_EQ(pair_.client.Read(), "last words");
  EXPECT_TRUE(pair_.client.is_at_end());
}

TEST_P(TlsSessionTest, CloseNotifyDuringTheHandshakeDoesNothing) {
  pair_.server.SendCloseNotify();
  Shake();
}

TEST_P(TlsSessionTest, LeavesTheSocketOpen) {
  const test_support::SocketPair sockets;
  { const TlsSession session(NewContext(), sockets.server(), Protocol::kTurn); }
  EXPECT_EQ(::send(sockets.server(), "x", 1, 0), 1);
}

TEST_P(TlsSessionTest, OutlivesEveryOtherOwnerOfTheContext) {
  auto context = NewContext();
  TlsPair pair(context);
  context.reset();
  EXPECT_EQ(pair.Shake(), Status::kDone);
}

TEST(TlsSession, RenegotiationIsRefused) {
  TlsPair pair(NewContext());
  pair.client.UseVersion(TLS1_2_VERSION);
  ASSERT_EQ(pair.Shake(), Status::kDone);
  ASSERT_EQ(SSL_renegotiate(pair.client.ssl()), 1);
  pair.client.Advance();
  std::array<std::uint8_t, 100> into;
  EXPECT_EQ(pair.server.Read(into).status, Status::kWantRead);
  pair.client.Read();
  EXPECT_EQ(pair.client.error(), SSL_R_NO_RENEGOTIATION);
}

TEST(TlsSession, AKeyUpdateOfTls13IsFollowed) {
  TlsPair pair(NewContext());
  ASSERT_EQ(pair.Shake(), Status::kDone);
  pair.client.Read();
  ASSERT_EQ(SSL_key_update(pair.client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
  EXPECT_TRUE(pair.client.Write("text"));
  std::array<std::uint8_t, 100> into;
  EXPECT_EQ(pair.server.Read(into).bytes, 4u);
  EXPECT_EQ(pair.server.Write(base::AsBytes("answer")).bytes, 6u);
  EXPECT_EQ(pair.client.Read(), "answer");
}

}  // namespace relay::tls_session_test
