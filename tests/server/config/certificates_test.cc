#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "server/config/load.h"
#include "tests/support/certificate_files.h"
#include "tests/support/temporary_directory.h"

namespace relay::certificates_test {

using std::chrono::days;
using test_support::WriteCertificate;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Certificates : public testing::Test {
 protected:
  // What a file in the folder of the certificates has to say, after one line that is right.
  LoadedConfig Load(const std::string& yaml) const {
    const std::string file =
        directory_.Write("turn.yaml", "auth: {users: [{username: a, password: b}]}\n" + yaml);
    return LoadConfigFile(file, {});
  }
  static std::string Pair(const std::string& certificate, const std::string& key) {
    return "tls:\n  certificates:\n  - certificate: " + certificate + "\n    private_key: " + key +
           "\n";
  }
  void ExpectOneError(const LoadedConfig& loaded, int line, const std::string& key,
                      const std::string& message) const {
    ASSERT_THAT(loaded.errors, SizeIs(1)) << loaded.errors.back().ToString();
    EXPECT_EQ(loaded.errors[0].line, line);
    EXPECT_EQ(loaded.errors[0].key, key);
    EXPECT_THAT(loaded.errors[0].message, HasSubstr(message));
  }
  void ExpectOneWarning(const LoadedConfig& loaded, int line, const std::string& key,
                        const std::string& message) const {
    EXPECT_TRUE(loaded.ok());
    ASSERT_THAT(loaded.warnings, SizeIs(1));
    EXPECT_EQ(loaded.warnings[0].line, line);
    EXPECT_EQ(loaded.warnings[0].key, key);
    EXPECT_THAT(loaded.warnings[0].message, HasSubstr(message));
  }

  // With an RSA key of 1024 bits, which MakeSelfSignedCertificate does not have.
  void WriteWeakCertificate(const std::string& name) const {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(1024), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_time_adj_ex(X509_getm_notAfter(certificate.get()), 1000, 0, nullptr);
    X509_set_pubkey(certificate.get(), key.get());
    ASSERT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
    const auto open = [&](const char* ending) {
      return std::unique_ptr<FILE, decltype(&std::fclose)>(
          std::fopen(directory_.File(name + ending).c_str(), "w"), std::fclose);
    };
    ASSERT_EQ(PEM_write_X509(open(".crt").get(), certificate.get()), 1);
    ASSERT_EQ(
        PEM_write_PrivateKey(open(".key").get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr),
        1);
  }

  test_support::TemporaryDirectory directory_;
};

TEST_F(Certificates, AreRelativeToTheFolderOfTheConfiguration) {
  WriteCertificate(directory_, "a", {"turn.example.org"});
  const LoadedConfig loaded = Load(Pair("a.crt", "a.key"));
  EXPECT_TRUE(loaded.ok()) << loaded.errors[0].ToString();
  EXPECT_THAT(loaded.warnings, IsEmpty());
  ASSERT_THAT(loaded.config.tls.certificates, SizeIs(1));
  EXPECT_EQ(loaded.config.tls.certificates[0].certificate_path, directory_.File("a.crt"));
  EXPECT_EQ(loaded.config.tls.certificates[0].private_key_path, directory_.File("a.key"));
}

TEST_F(Certificates, MayBeAbsoluteAndMany) {
  const auto a = WriteCertificate(directory_, "a", {"a.example"});
  const auto b = WriteCertificate(directory_, "b", {"b.example"});
  const LoadedConfig loaded = LoadConfigText("", "",
                                             {"auth.users=[{username: a, password: b}]",
                                              "tls.certificates[0].certificate=" + a.certificate,
                                              "tls.certificates[0].private_key=" + a.private_key,
                                              "tls.certificates[1]={certificate: " + b.certificate +
                                                  ", private_key: " + b.private_key + "}"});
  EXPECT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_THAT(loaded.config.tls.certificates, SizeIs(2));
}

TEST_F(Certificates, ThatAreMissingAreErrorsAtTheirLines) {
  const LoadedConfig loaded = Load(Pair("a.crt", "a.key"));
  ASSERT_THAT(loaded.errors, SizeIs(2));
  EXPECT_EQ(loaded.errors[0].ToString(),
            directory_.File("turn.yaml") + ":4: tls.certificates[0].certificate: '" +
                directory_.File("a.crt") + "' cannot be read: No such file or directory");
  EXPECT_EQ(loaded.errors[1].ToString(),
            directory_.File("turn.yaml") + ":5: tls.certificates[0].private_key: '" +
                directory_.File("a.key") + "' cannot be read: No such file or directory");
}

TEST_F(Certificates, NeedTheKeyThatIsTheirs) {
  WriteCertificate(directory_, "a", {"a.example"});
  WriteCertificate(directory_, "b", {"b.example"});
  ExpectOneError(Load(Pair("a.crt", "b.key")), 5, "tls.certificates[0].private_key",
                 "is not the key of the first certificate in '" + directory_.File("a.crt") + "'");
}

TEST_F(Certificates, ThatAreSomethingElseAreAnErrorOfTheirFile) {
  WriteCertificate(directory_, "a", {"a.example"});
  directory_.Write("text", "not a certificate\n");
  ExpectOneError(Load(Pair("text", "a.key")), 4, "tls.certificates[0].certificate",
                 "holds no certificate");
  ExpectOneError(Load(Pair("a.crt", "text")), 5, "tls.certificates[0].private_key",
                 "holds no private key");
  ExpectOneError(Load(Pair("a.crt", ".")), 5, "tls.certificates[0].private_key", "cannot be read");
}

TEST_F(Certificates, WithAKeyThatIsTooShortAreRefusedAsTheServerWould) {
  WriteWeakCertificate("weak");
  ExpectOneError(Load(Pair("weak.crt", "weak.key")), 4, "tls.certificates[0].certificate",
                 "key too small");
}

TEST_F(Certificates, OfTheSecondPairAreErrorsOfTheSecondPair) {
  WriteCertificate(directory_, "a", {"a.example"});
  WriteCertificate(directory_, "b", {"b.example"});
  ExpectOneError(
      Load(Pair("a.crt", "a.key") + "  - {certificate: b.crt,\n     private_key: a.key}\n"), 7,
      "tls.certificates[1].private_key", "is not the key");
}

TEST_F(Certificates, AreNotTheSameTwice) {
  WriteCertificate(directory_, "a", {"a.example"});
  ExpectOneError(Load(Pair("a.crt", "a.key") + "  - {certificate: a.crt, private_key: a.key}\n"), 6,
                 "tls.certificates[1].certificate",
                 "is also the certificate of "
                 "tls.certificates[0]");
}

TEST_F(Certificates, HaveBothFiles) {
  WriteCertificate(directory_, "a", {"a.example"});
  ExpectOneError(Load("tls: {certificates: [{certificate: a.crt}]}\n"), 2,
                 "tls.certificates[0].private_key", "is missing");
}

TEST_F(Certificates, MayShareAFileWithTheirKey) {
  const auto files = WriteCertificate(directory_, "a", {"a.example"});
  std::ifstream certificate(files.certificate);
  std::ifstream key(files.private_key);
  std::ostringstream both;
  both << certificate.rdbuf() << key.rdbuf();
  std::filesystem::permissions(directory_.Write("a.pem", both.str()), std::filesystem::perms(0600));
  const LoadedConfig loaded = Load(Pair("a.pem", "a.pem"));
  EXPECT_TRUE(loaded.ok()) << loaded.errors[0].ToString();
  EXPECT_THAT(loaded.warnings, IsEmpty());
}

TEST_F(Certificates, ThatHaveExpiredAreAWarning) {
  WriteCertificate(directory_, "a", {"a.example"}, {}, days(-10));
  ExpectOneWarning(Load(Pair("a.crt", "a.key")), 4, "tls.certificates[0].certificate",
                   "has expired");
}

TEST_F(Certificates, ThatWillExpireSoonAreAWarning) {
  WriteCertificate(directory_, "a", {"a.example"}, {}, days(8));
  ExpectOneWarning(Load(Pair("a.crt", "a.key")), 4, "tls.certificates[0].certificate",
                   "expires in ");
}

TEST_F(Certificates, ThatWillExpireInThreeWeeksAreFine) {
  WriteCertificate(directory_, "a", {"a.example"}, {}, days(21));
  EXPECT_THAT(Load(Pair("a.crt", "a.key")).warnings, IsEmpty());
}

TEST_F(Certificates, WhoseKeyEverybodyCanReadAreAWarning) {
  const auto files = WriteCertificate(directory_, "a", {"a.example"});
  std::filesystem::permissions(files.private_key, std::filesystem::perms(0644));
  ExpectOneWarning(Load(Pair("a.crt", "a.key")), 5, "tls.certificates[0].private_key",
                   "every user of this host can read");
}

TEST_F(Certificates, OfWhichNoneIsForTheNodeAreAWarning) {
  WriteCertificate(directory_, "a", {"a.example"}, {"192.0.2.1"});
  ExpectOneWarning(Load(Pair("a.crt", "a.key") + "node: b.example\n"), 3, "tls.certificates",
                   "none is for node ('b.example')");
  EXPECT_THAT(Load(Pair("a.crt", "a.key") + "node: A.example\n").warnings, IsEmpty());
  EXPECT_THAT(Load(Pair("a.crt", "a.key") + "node: 192.0.2.1\n").warnings, IsEmpty());
}

TEST_F(Certificates, LetListenersBeThatNeedThem) {
  WriteCertificate(directory_, "a", {"a.example"});
  const std::string listeners =
      "listeners: [{transport: tls, port: 5349}, {transport: dtls, port: 5349},"
      " {transport: edge, port: 443}]\n";
  EXPECT_TRUE(Load(listeners + Pair("a.crt", "a.key")).ok());
  EXPECT_THAT(Load(listeners).errors, SizeIs(3));
}

TEST_F(Certificates, ThatAreBrokenAreOneErrorAndNotOneOfEveryListener) {
  ExpectOneError(Load("listeners: [{transport: tls, port: 5349}]\n"
                      "tls: {certificates: [{certificate: a.crt}]}\n"),
                 3, "tls.certificates[0].private_key", "is missing");
}

}  // namespace relay::certificates_test
