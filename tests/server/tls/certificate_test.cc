#include "server/tls/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <filesystem>
#include <functional>
#include <string>

#include "server/tls/openssl_handles.h"
#include "tests/server/tls/test_certificates.h"

namespace relay::certificate_test {

using test_support::LoadSelfSigned;
using test_support::SelfSigned;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Text(const std::function<void(BIO*)>& write) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  write(bio.get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

KeyHandle ParseKey(const std::string& pem) {
  const BioHandle reader(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return KeyHandle(PEM_read_bio_PrivateKey(reader.get(), nullptr, nullptr, nullptr));
}

class CertificateTest : public testing::Test {
 protected:
  // The error of a pair with these contents.
  std::string Refusal(const std::string& chain, const std::string& key) const {
    const auto loaded =
        Certificate::Load(directory_.Write("tls.crt", chain), directory_.Write("tls.key", key));
    return loaded.ok() ? "" : loaded.error().message;
  }

  test_support::TemporaryDirectory directory_;
  const SelfSignedCertificate& ec_ = SelfSigned(KeyType::kEcP256, {"turn.example.test"});
  const SelfSignedCertificate& rsa_ = SelfSigned(KeyType::kRsa2048, {"turn.example.test"});
};

TEST_F(CertificateTest, AMissingChainIsNamed) {
  const std::string path = directory_.File("missing.crt");
  const auto loaded = Certificate::Load(path, directory_.Write("tls.key", ec_.private_key_pem));
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().message, "'" + path + "' cannot be read: No such file or directory");
}

TEST_F(CertificateTest, AMissingKeyIsNamed) {
  const std::string path = directory_.File("missing.key");
  const auto loaded = Certificate::Load(directory_.Write("tls.crt", ec_.certificate_pem), path);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().message, "'" + path + "' cannot be read: No such file or directory");
}

TEST_F(CertificateTest, ADirectoryIsNoFile) {
  const auto loaded = Certificate::Load(directory_.path(), directory_.path());
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().message, EndsWith("cannot be read: Is a directory"));
}

TEST_F(CertificateTest, WhatHoldsNoCertificateIsRefused) {
  for (const std::string& content : {std::string(), std::string("text\n"), ec_.private_key_pem}) {
    EXPECT_EQ(Refusal(content, ec_.private_key_pem),
              "'" + directory_.File("tls.crt") + "' holds no certificate in PEM form");
  }
}

TEST_F(CertificateTest, WhatHoldsNoKeyIsRefused) {
  for (const std::string& content : {std::string(), std::string("text\n"), ec_.certificate_pem}) {
    EXPECT_EQ(Refusal(ec_.certificate_pem, content),
              "'" + directory_.File("tls.key") + "' holds no private key in PEM form");
  }
}

TEST_F(CertificateTest, ABrokenCertificateIsRefused) {
  std::string broken = ec_.certificate_pem;
  broken.replace(broken.find('\n') + 1, 8, "AAAAAAAA");
  EXPECT_THAT(Refusal(broken, ec_.private_key_pem), HasSubstr("holds a broken certificate: "));
}

TEST_F(CertificateTest, ABrokenCertificateFurtherDownTheChainIsRefused) {
  std::string broken = rsa_.certificate_pem;
  broken.replace(broken.find('\n') + 1, 8, "!!!!!!!!");
  EXPECT_THAT(Refusal(ec_.certificate_pem + broken, ec_.private_key_pem),
              HasSubstr("holds a broken certificate: "));
}

TEST_F(CertificateTest, ATruncatedCertificateIsRefused) {
  const std::string half = ec_.certificate_pem.substr(0, ec_.certificate_pem.size() / 2);
  EXPECT_NE(Refusal(half, ec_.private_key_pem), "");
}

TEST_F(CertificateTest, AFileOfMoreThanAMebibyteIsRefused) {
  const std::string padding(std::size_t{1024} * 1024, '\n');
  EXPECT_EQ(Refusal(ec_.certificate_pem + padding, ec_.private_key_pem),
            "'" + directory_.File("tls.crt") + "' is larger than 1 MiB");
}

TEST_F(CertificateTest, AKeyOfAnotherCertificateIsRefused) {
  const SelfSignedCertificate& other = SelfSigned(KeyType::kEcP256, {"other.test"});
  const std::string expected = "'" + directory_.File("tls.key") +
                               "' is not the key of the first certificate in '" +
                               directory_.File("tls.crt") + "'";
  EXPECT_EQ(Refusal(ec_.certificate_pem, other.private_key_pem), expected);
  EXPECT_EQ(Refusal(ec_.certificate_pem, rsa_.private_key_pem), expected);
  EXPECT_EQ(Refusal(other.certificate_pem + ec_.certificate_pem, ec_.private_key_pem), expected);
}

// Both forms, and without a question on the terminal, which would stop the test.
TEST_F(CertificateTest, AnEncryptedKeyIsRefusedAndNobodyIsAsked) {
  const KeyHandle key = ParseKey(rsa_.private_key_pem);
  const std::string modern = Text([&](BIO* bio) {
    PEM_write_bio_PKCS8PrivateKey(bio, key.get(), EVP_aes_256_cbc(), "secret", 6, nullptr, nullptr);
  });
  const std::string traditional = Text([&](BIO* bio) {
    PEM_write_bio_PrivateKey_traditional(bio, key.get(), EVP_aes_256_cbc(),
                                         base::AsBytes("secret").data(), 6, nullptr, nullptr);
  });
  ASSERT_THAT(modern, HasSubstr("BEGIN ENCRYPTED PRIVATE KEY"));
  ASSERT_THAT(traditional, HasSubstr("Proc-Type: 4,ENCRYPTED"));
  for (const std::string& pem : {modern, traditional}) {
    EXPECT_EQ(Refusal(rsa_.certificate_pem, pem),
              "'" + directory_.File("tls.key") +
                  "' is encrypted; the key must be readable without a password");
  }
}

TEST_F(CertificateTest, KeysOfTraditionalFormsAreRead) {
  const auto traditional = [](const SelfSignedCertificate& made) {
    return Text([&](BIO* bio) {
      PEM_write_bio_PrivateKey_traditional(bio, ParseKey(made.private_key_pem).get(), nullptr,
                                           nullptr, 0, nullptr, nullptr);
    });
  };
  EXPECT_EQ(Refusal(rsa_.certificate_pem, traditional(rsa_)), "");
  // As `openssl ecparam -genkey` writes it, P-256 in front.
  EXPECT_EQ(Refusal(ec_.certificate_pem,
                    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                    "-----END EC PARAMETERS-----\n" +
                        traditional(ec_)),
            "");
}

TEST_F(CertificateTest, OneFileMayHoldBoth) {
  const std::string both = directory_.Write("both.pem", ec_.private_key_pem + ec_.certificate_pem);
  EXPECT_TRUE(Certificate::Load(both, both).ok());
}

TEST_F(CertificateTest, AnExpiredOneIsLoaded) {
  const auto old = MakeSelfSignedCertificate(KeyType::kEcP256, {"a.test"}, {}, base::WallTime{});
  ASSERT_TRUE(old.ok());
  EXPECT_EQ(Refusal(old.value().certificate_pem, old.value().private_key_pem), "");
}

TEST_F(CertificateTest, TellsWhatItIs) {
  const base::WallTime now = std::chrono::system_clock::from_time_t(1'800'000'000);
  const auto made = MakeSelfSignedCertificate(KeyType::kRsa2048, {"a.test"}, {}, now);
  ASSERT_TRUE(made.ok());
  const std::string path = directory_.Write("a.crt", made.value().certificate_pem);
  const auto loaded =
      Certificate::Load(path, directory_.Write("a.key", made.value().private_key_pem));
  ASSERT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.value().names(), ElementsAre("a.test"));
  EXPECT_EQ(loaded.value().key_type(), "RSA");
  EXPECT_EQ(loaded.value().path(), path);
  EXPECT_EQ(loaded.value().not_after(), now + std::chrono::days(3649));
  EXPECT_EQ(LoadSelfSigned(KeyType::kEcP256, {"a.test"}).key_type(), "EC");
}

TEST_F(CertificateTest, WithoutOtherNamesTheCommonNameCounts) {
  const KeyHandle key = ParseKey(ec_.private_key_pem);
  const X509Handle plain(X509_new());
  X509_gmtime_adj(X509_getm_notBefore(plain.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(plain.get()), 86'400);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(plain.get()), "CN", MBSTRING_ASC,
                             base::AsBytes("common.test").data(), -1, -1, 0);
  X509_set_pubkey(plain.get(), key.get());
  ASSERT_GT(X509_sign(plain.get(), key.get(), EVP_sha256()), 0);
  const auto loaded = Certificate::Load(
      directory_.Write("c.crt", Text([&](BIO* bio) { PEM_write_bio_X509(bio, plain.get()); })),
      directory_.Write("c.key", ec_.private_key_pem));
  ASSERT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.value().names(), ElementsAre("common.test"));
  EXPECT_TRUE(loaded.value().Matches("common.test"));
}

TEST(CertificateMatches, OtherNamesAndNoNameAreNotItsOwn) {
  const Certificate certificate = LoadSelfSigned(KeyType::kEcP256, {"turn.example.test"});
  for (const char* name : {"", ".", ".example.test", "example.test", "xturn.example.test",
                           "turn.example.test.evil", "a.turn.example.test", "*", "192.0.2.1"}) {
    EXPECT_FALSE(certificate.Matches(name)) << name;
  }
  EXPECT_FALSE(certificate.Matches(std::string_view("turn.example.test\0.evil", 23)));
}

TEST(CertificateMatches, CaseDoesNotCount) {
  const Certificate certificate = LoadSelfSigned(KeyType::kEcP256, {"Turn.Example.test"});
  EXPECT_TRUE(certificate.Matches("turn.example.test"));
  EXPECT_TRUE(certificate.Matches("TURN.EXAMPLE.TEST"));
}

TEST(CertificateMatches, AnAsteriskStandsForOneWholeLabel) {
  const Certificate certificate =
      LoadSelfSigned(KeyType::kEcP256, {"*.example.test", "a*.partial.test"});
  EXPECT_TRUE(certificate.Matches("turn.example.test"));
  EXPECT_FALSE(certificate.Matches("example.test"));
  EXPECT_FALSE(certificate.Matches("a.b.example.test"));
  EXPECT_FALSE(certificate.Matches("ab.partial.test"));
}

TEST(CertificateMatches, AddressesAreComparedAsAddresses) {
  const auto made = MakeSelfSignedCertificate(
      KeyType::kEcP256, {"192.0.2.9"},
      {base::IpAddress::Parse("192.0.2.1").value(), base::IpAddress::Parse("2001:db8::1").value()},
      std::chrono::system_clock::now());
  ASSERT_TRUE(made.ok());
  const test_support::TemporaryDirectory directory;
  const auto loaded = Certificate::Load(directory.Write("crt", made.value().certificate_pem),
                                        directory.Write("key", made.value().private_key_pem));
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded.value().Matches("192.0.2.1"));
  EXPECT_TRUE(loaded.value().Matches("2001:DB8:0::1"));
  EXPECT_TRUE(loaded.value().Matches("[2001:db8::1]"));
  EXPECT_FALSE(loaded.value().Matches("192.0.2.2"));
  EXPECT_FALSE(loaded.value().Matches("192.0.2.9"));  // there it is written as a DNS name
}

}  // namespace relay::certificate_test
