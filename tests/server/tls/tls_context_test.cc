#include "server/tls/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/byte_writer.h"
#include "tests/server/tls/test_certificates.h"
#include "tests/server/tls/tls_client.h"

namespace relay::tls_context_test {

using test_support::LoadSelfSigned;
using test_support::NewContext;
using test_support::NewTicketKeys;
using test_support::TlsPair;
using ::testing::HasSubstr;
using Protocol = TlsContext::Protocol;
using Status = StreamOutcome::Status;

constexpr std::uint8_t kAlert = 21;
constexpr std::uint8_t kHandshake = 22;

// What a server answers to a ClientHello, as far as the tests ask.
struct FirstAnswer {
  std::uint8_t record_type = 0;
  std::uint8_t alert = 0;
  std::uint16_t suite = 0;
  std::uint8_t compression = 0xff;
};

// A ClientHello that no library of today would send.
FirstAnswer Answer(std::uint16_t version, const std::vector<std::uint16_t>& suites,
                   const std::vector<std::uint8_t>& compressions = {0}) {
  std::array<std::uint8_t, 512> hello;
  base::ByteWriter writer(hello);
  writer.WriteU8(kHandshake);
  writer.WriteU16(0x0301);
  writer.WriteU16(0);  // the record's length
  writer.WriteU8(1);
  writer.WriteU8(0);
  writer.WriteU16(0);  // the message's
  writer.WriteU16(version);
  writer.WriteZeros(32);
  writer.WriteU8(0);  // no session
  writer.WriteU16(static_cast<std::uint16_t>(2 * suites.size()));
  for (const std::uint16_t suite : suites) writer.WriteU16(suite);
  writer.WriteU8(static_cast<std::uint8_t>(compressions.size()));
  writer.WriteBytes(compressions);
  const std::vector<std::uint8_t> extensions = {0, 10, 0, 4,  0, 2, 0, 23,  // groups: P-256
                                                0, 11, 0, 2,  1, 0,         // uncompressed points
                                                0, 13, 0, 10, 0, 8, 4, 3,
                                                4, 1,  2, 3,  2, 1};  // ECDSA and RSA
  writer.WriteU16(static_cast<std::uint16_t>(extensions.size()));
  writer.WriteBytes(extensions);
  writer.PatchU16(3, static_cast<std::uint16_t>(writer.size() - 5));
  writer.PatchU16(7, static_cast<std::uint16_t>(writer.size() - 9));
  CHECK(writer.ok());

  const test_support::SocketPair sockets;
  TlsSession server(NewContext(), sockets.server(), Protocol::kTurn);
  CHECK(::send(sockets.client(), hello.data(), writer.size(), 0) ==
        static_cast<ssize_t>(writer.size()));
  server.Handshake();
  std::array<std::uint8_t, 64> answer{};
  FirstAnswer first;
  if (::recv(sockets.client(), answer.data(), answer.size(), 0) < 7) return first;
  first.record_type = answer[0];
  if (first.record_type == kAlert) first.alert = answer[6];
  if (first.record_type == kHandshake) {
    constexpr std::size_t kSessionId = 5 + 4 + 2 + 32;
    const std::size_t suite = kSessionId + 1 + answer[kSessionId];
    CHECK(suite + 2 < answer.size());
    first.suite = static_cast<std::uint16_t>(answer[suite] * 256 + answer[suite + 1]);
    first.compression = answer[suite + 2];
  }
  return first;
}

TEST(TlsContext, NeedsACertificate) {
  const auto context = TlsContext::Create({}, NewTicketKeys());
  ASSERT_FALSE(context.ok());
  EXPECT_EQ(context.error().message, "TLS needs a certificate, and none is configured");
}

TEST(TlsContext, AKeyThatIsTooShortIsRefusedAtOnce) {
  const KeyHandle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024}));
  const X509Handle weak(X509_new());
  X509_gmtime_adj(X509_getm_notBefore(weak.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(weak.get()), 86'400);
  X509_set_pubkey(weak.get(), key.get());
  ASSERT_GT(X509_sign(weak.get(), key.get(), EVP_sha256()), 0);
  const test_support::TemporaryDirectory directory;
  const std::string path = directory.File("weak.pem");
  const BioHandle file(BIO_new_file(path.c_str(), "w"));
  PEM_write_bio_X509(file.get(), weak.get());
  PEM_write_bio_PrivateKey(file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  BIO_flush(file.get());

  const auto loaded = Certificate::Load(path, path);
  ASSERT_TRUE(loaded.ok());
  const auto context = TlsContext::Create({loaded.value()}, NewTicketKeys());
  ASSERT_FALSE(context.ok());
  EXPECT_EQ(context.error().message, "'" + path + "' cannot be used: ee key too small");
}

TEST(TlsContext, DTLS_07_TlsBefore12IsRefused) {
  EXPECT_EQ(Answer(0x0300, {0xc02f, 0x002f}).record_type, kAlert);
  for (const int version : {0x0301, 0x0302}) {
    const FirstAnswer answer =
        Answer(static_cast<std::uint16_t>(version), {0xc02f, 0xc02b, 0xc013, 0xc009, 0x002f});
    EXPECT_EQ(answer.record_type, kAlert);
    EXPECT_EQ(answer.alert, SSL_AD_PROTOCOL_VERSION);
  }
}

TEST(TlsContext, DTLS_07_AClientThatSpeaks11OnlyIsTurnedAway) {
  TlsPair pair(NewContext());
  pair.client.UseVersion(TLS1_1_VERSION);
  EXPECT_EQ(pair.Shake(), Status::kFailed);
  EXPECT_EQ(pair.client.error(), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
}

TEST(TlsContext, STUN_42_WeakSuitesAreRefused) {
  const std::vector<std::uint16_t> weak = {
      0x0001, 0x0002, 0x003b,                          // no encryption
      0x0003, 0x0008, 0x0014,                          // for export
      0x0004, 0x0005, 0xc007, 0xc011,                  // RC4
      0x0009, 0x000a, 0x0016, 0xc008, 0xc012,          // DES
      0x0018, 0x001b, 0x0034, 0x00a6, 0xc017, 0xc018,  // anonymous
      0x002f, 0x0035, 0x003c, 0xc009, 0xc013, 0xc027,  // CBC
      0x009c, 0x009d};                                 // without forward secrecy
  for (const std::uint16_t suite : weak) {
    const FirstAnswer answer = Answer(0x0303, {suite});
    EXPECT_EQ(answer.record_type, kAlert) << std::hex << suite;
    EXPECT_EQ(answer.alert, SSL_AD_HANDSHAKE_FAILURE) << std::hex << suite;
  }
  EXPECT_EQ(Answer(0x0303, weak).record_type, kAlert);
}

TEST(TlsContext, STUN_42_CompressionIsNeverChosen) {
  const FirstAnswer answer = Answer(0x0303, {0xc02f}, {1, 0});
  EXPECT_EQ(answer.record_type, kHandshake);
  EXPECT_EQ(answer.compression, 0);
  EXPECT_EQ(Answer(0x0303, {0xc02f}, {1}).record_type, kAlert);
}

TEST(TlsContext, STUN_41_TheTwoDemandedSuitesComplete) {
  for (const char* suite : {"DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"}) {
    TlsPair pair(NewContext());
    pair.client.UseVersion(TLS1_2_VERSION);
    pair.client.UseSuites(suite);
    EXPECT_EQ(pair.Shake(), Status::kDone);
    EXPECT_EQ(pair.client.Suite(), suite);
  }
}

TEST(TlsContext, STUN_43_TheServersOrderOfSuitesCounts) {
  TlsPair pair(NewContext());
  pair.client.UseVersion(TLS1_2_VERSION);
  pair.client.UseSuites(
      "DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256");
  EXPECT_EQ(pair.Shake(), Status::kDone);
  EXPECT_EQ(pair.client.Suite(), "ECDHE-RSA-AES128-GCM-SHA256");
}

TEST(TlsContext, AClientThatPrefersChachaHasItsWay) {
  TlsPair pair(NewContext());
  pair.client.UseVersion(TLS1_2_VERSION);
  pair.client.UseSuites("ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256");
  EXPECT_EQ(pair.Shake(), Status::kDone);
  EXPECT_EQ(pair.client.Suite(), "ECDHE-ECDSA-CHACHA20-POLY1305");
}

TEST(TlsContext, Tls13Completes) {
  TlsPair pair(NewContext());
  EXPECT_EQ(pair.Shake(), Status::kDone);
  EXPECT_STREQ(SSL_get_version(pair.client.ssl()), "TLSv1.3");
  EXPECT_EQ(pair.client.Suite(), "TLS_AES_128_GCM_SHA256");
}

TEST(TlsContext, EachSuiteOfTls13Completes) {
  for (const char* suite :
       {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    TlsPair pair(NewContext());
    ASSERT_EQ(SSL_CTX_set_ciphersuites(pair.client.context(), suite), 1);
    EXPECT_EQ(pair.Shake(), Status::kDone);
    EXPECT_EQ(pair.client.Suite(), suite);
  }
}

TEST(TlsContext, AnotherGroupIsAgreedUpon) {
  for (const char* group : {"X25519", "P-256", "P-384"}) {
    TlsPair pair(NewContext());
    ASSERT_EQ(SSL_CTX_set1_groups_list(pair.client.context(), group), 1);
    EXPECT_EQ(pair.Shake(), Status::kDone) << group;
  }
}

class CertificateChoice : public testing::Test {
 protected:
  // The common name and key type that a client sees that asks for `name` (empty: for none).
  std::string Served(const std::string& name, const char* suites = nullptr) const {
    TlsPair pair(NewContext(certificates_));
    if (!name.empty()) pair.client.UseName(name);
    pair.client.UseVersion(TLS1_2_VERSION);
    if (suites != nullptr) pair.client.UseSuites(suites);
    if (pair.Shake() != Status::kDone) return "failed";
    return pair.client.ServerName() + " " + pair.client.ServerKeyType();
  }

  static constexpr const char* kEcdsa = "ECDHE-ECDSA-AES128-GCM-SHA256";
  static constexpr const char* kRsa = "ECDHE-RSA-AES128-GCM-SHA256";
  std::vector<Certificate> certificates_;
};

TEST_F(CertificateChoice, AnUnknownNameAndNoneGetTheFirst) {
  certificates_ = {LoadSelfSigned(KeyType::kEcP256, {"first.test"}),
                   LoadSelfSigned(KeyType::kEcP256, {"second.test"})};
  EXPECT_EQ(Served(""), "first.test EC");
  EXPECT_EQ(Served("unknown.test"), "first.test EC");
}

TEST_F(CertificateChoice, TheNameThatIsAskedForPicks) {
  certificates_ = {LoadSelfSigned(KeyType::kEcP256, {"first.test"}),
                   LoadSelfSigned(KeyType::kEcP256, {"second.test"})};
  EXPECT_EQ(Served("second.test"), "second.test EC");
  EXPECT_EQ(Served("SECOND.test"), "second.test EC");
}

TEST_F(CertificateChoice, AnExactNameGoesBeforeAWildcard) {
  certificates_ = {LoadSelfSigned(KeyType::kEcP256, {"*.example.test"}),
                   LoadSelfSigned(KeyType::kEcP256, {"turn.example.test"})};
  EXPECT_EQ(Served("turn.example.test"), "turn.example.test EC");
  EXPECT_EQ(Served("other.example.test"), "*.example.test EC");
}

TEST_F(CertificateChoice, OfTwoForOneNameTheFirstIsServed) {
  certificates_ = {LoadSelfSigned(KeyType::kEcP256, {"first.test", "both.test"}),
                   LoadSelfSigned(KeyType::kEcP256, {"second.test", "both.test"})};
  EXPECT_EQ(Served("both.test"), "first.test EC");
}

TEST_F(CertificateChoice, TwoKeyTypesStandSideBySide) {
  certificates_ = {LoadSelfSigned(KeyType::kRsa2048, {"turn.example.test"}),
                   LoadSelfSigned(KeyType::kEcP256, {"turn.example.test"}),
                   LoadSelfSigned(KeyType::kEcP256, {"other.test"})};
  for (const char* name : {"", "turn.example.test", "unknown.test"}) {
    EXPECT_EQ(Served(name, kEcdsa), "turn.example.test EC");
    EXPECT_EQ(Served(name, kRsa), "turn.example.test RSA");
  }
  EXPECT_EQ(Served("other.test", kEcdsa), "other.test EC");
  EXPECT_EQ(Served("other.test", kRsa), "failed");
}

TEST_F(CertificateChoice, TheClientLearnsWhetherItsNameWasOfUse) {
  const auto is_acknowledged = [](const char* name) {
    TlsPair pair(NewContext());
    pair.client.UseVersion(TLS1_2_VERSION);
    pair.client.UseName(name);
    bool is_seen = false;
    pair.client.Connect(pair.sockets.client());
    const auto see = [](SSL*, int, int type, const unsigned char*, int, void* seen) {
      if (type == TLSEXT_TYPE_server_name) *static_cast<bool*>(seen) = true;
    };
    using Callback = void (*)(SSL*, int, int, const unsigned char*, int, void*);
    SSL_ctrl(pair.client.ssl(), SSL_CTRL_SET_TLSEXT_DEBUG_ARG, 0, &is_seen);
    SSL_callback_ctrl(pair.client.ssl(), SSL_CTRL_SET_TLSEXT_DEBUG_CB,
                      reinterpret_cast<void (*)()>(static_cast<Callback>(see)));
    EXPECT_EQ(test_support::Shake(pair.server, pair.client), Status::kDone);
    return is_seen;
  };
  EXPECT_TRUE(is_acknowledged("turn.example.test"));
  EXPECT_FALSE(is_acknowledged("unknown.test"));
}

std::string Negotiated(const std::vector<std::string>& offers,
                       Protocol protocol = Protocol::kTurn) {
  TlsPair pair(NewContext(), protocol);
  if (!offers.empty()) pair.client.UseProtocols(offers);
  EXPECT_EQ(pair.Shake(), Status::kDone);
  return pair.client.Protocol();
}

TEST(TlsContext, ALPN_01_StunTurnIsSelected) {
  EXPECT_EQ(Negotiated({"stun.turn"}), "stun.turn");
  EXPECT_EQ(Negotiated({"http/1.1", "h2", "stun.nat-discovery", "stun.turn"}), "stun.turn");
}

TEST(TlsContext, ALPN_02_NatDiscoveryIsSelected) {
  EXPECT_EQ(Negotiated({"h2", "stun.nat-discovery"}), "stun.nat-discovery");
}

TEST(TlsContext, ALPN_03_WithoutAnOfferOrWithUnknownOnesItGoesOn) {
  EXPECT_EQ(Negotiated({}), "");
  EXPECT_EQ(Negotiated({"h2", "http/1.1", "stun", "stun.turns"}), "");
}

TEST(TlsContext, HttpIsSelectedOnlyWhereItIsSpoken) {
  EXPECT_EQ(Negotiated({"h2", "http/1.1"}, Protocol::kTurnAndHttp), "http/1.1");
  EXPECT_EQ(Negotiated({"http/1.1", "stun.turn"}, Protocol::kTurnAndHttp), "stun.turn");
  EXPECT_EQ(Negotiated({"h2"}, Protocol::kTurnAndHttp), "");
}

// A ticket that a client was given under `before`, shown under `after`.
class Resumption : public testing::TestWithParam<int> {
 protected:
  bool IsResumed(const TicketKeys& before, const TicketKeys& after, bool* is_renewed = nullptr) {
    TlsPair first(NewContext(certificates_, before));
    first.client.UseVersion(GetParam());
    EXPECT_EQ(first.Shake(), Status::kDone);
    first.client.Read();  // the ticket of TLS 1.3 comes after the handshake
    if (first.client.tickets().size() != 1) return false;

    TlsPair second(NewContext(certificates_, after));
    second.client.UseVersion(GetParam());
    EXPECT_EQ(second.Shake(first.client.tickets().front().get()), Status::kDone);
    second.client.Read();
    if (is_renewed != nullptr) {
      *is_renewed = TicketOf(SSL_get0_session(second.client.ssl())) !=
                    TicketOf(first.client.tickets().front().get());
    }
    return SSL_session_reused(second.client.ssl()) == 1;
  }

  static std::string TicketOf(const SSL_SESSION* session) {
    const unsigned char* ticket = nullptr;
    std::size_t size = 0;
    SSL_SESSION_get0_ticket(session, &ticket, &size);
    return std::string(base::AsText({ticket, size}));
  }

  std::vector<Certificate> certificates_ = {LoadSelfSigned(KeyType::kEcP256, {"first.test"})};
  TicketKeys keys_ = NewTicketKeys();
};

TEST_P(Resumption, OtherKeysMeanAFullHandshake) { EXPECT_FALSE(IsResumed(keys_, NewTicketKeys())); }

TEST_P(Resumption, AChangedKeyOfTheSameNameMeansAFullHandshake) {
  TicketKeys changed = keys_;
  changed.current.integrity[0] ^= 1;
  EXPECT_FALSE(IsResumed(keys_, changed));
}

TEST_P(Resumption, AnotherContextWithTheSameKeysResumes) {
  bool is_renewed = false;
  EXPECT_TRUE(IsResumed(keys_, keys_, &is_renewed));
  EXPECT_EQ(is_renewed, GetParam() == TLS1_3_VERSION);
}

TEST_P(Resumption, ThePreviousKeyResumesAndGivesANewTicket) {
  bool is_renewed = false;
  EXPECT_TRUE(IsResumed(keys_, {NewTicketKeys().current, keys_.current}, &is_renewed));
  EXPECT_TRUE(is_renewed);
}

INSTANTIATE_TEST_SUITE_P(Versions, Resumption, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) {
                           return version.param == TLS1_2_VERSION ? "Tls12" : "Tls13";
                         });

TEST(TlsContext, EarlyDataIsNotOffered) {
  TlsPair pair(NewContext());
  ASSERT_EQ(pair.Shake(), Status::kDone);
  pair.client.Read();
  ASSERT_EQ(pair.client.tickets().size(), 1u);
  EXPECT_EQ(SSL_SESSION_get_max_early_data(pair.client.tickets().front().get()), 0u);
}

}  // namespace relay::tls_context_test
