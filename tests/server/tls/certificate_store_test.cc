#include "server/tls/certificate_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/server/tls/test_certificates.h"
#include "tests/server/tls/tls_client.h"

namespace relay::certificate_store_test {

using test_support::SelfSigned;
using ::testing::HasSubstr;
using Outcome = CertificateStore::Outcome;
using Status = StreamOutcome::Status;

class CertificateStoreTest : public testing::Test {
 protected:
  CertificateStoreTest() {
    WriteCertificate(first_);
    WriteKey(first_);
  }

  void WriteCertificate(const SelfSignedCertificate& made) {
    directory_.Write("tls.crt", made.certificate_pem);
  }
  void WriteKey(const SelfSignedCertificate& made) {
    directory_.Write("tls.key", made.private_key_pem);
  }
  // Like a renewal by certbot: a new file takes the name of the old.
  void Replace(const std::string& name, const std::string& content) {
    std::filesystem::rename(directory_.Write(name + ".new", content), directory_.File(name));
  }
  std::unique_ptr<CertificateStore> Open() {
    auto store = CertificateStore::Open(sources_, now_);
    CHECK(store.ok());
    return std::move(store).value();
  }
  static std::string NameServedBy(const CertificateStore& store) {
    return store.context()->certificates().front().names().front();
  }

  test_support::TemporaryDirectory directory_;
  std::vector<CertificateStore::Source> sources_ = {
      {directory_.File("tls.crt"), directory_.File("tls.key")}};
  base::MonotonicTime now_{std::chrono::hours(3)};
  const SelfSignedCertificate& first_ = SelfSigned(KeyType::kEcP256, {"first.test"});
  const SelfSignedCertificate& second_ =
      SelfSigned(KeyType::kEcP256, {"second.test", "so.that.the.files.differ.in.size.test"});
};

TEST_F(CertificateStoreTest, WithoutASourceItDoesNotOpen) {
  const auto store = CertificateStore::Open({}, now_);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().message, "TLS needs a certificate, and none is configured");
}

TEST_F(CertificateStoreTest, WithOneBrokenPairItDoesNotOpen) {
  sources_.push_back({directory_.File("missing.crt"), directory_.File("missing.key")});
  const auto store = CertificateStore::Open(sources_, now_);
  ASSERT_FALSE(store.ok());
  EXPECT_THAT(store.error().message, HasSubstr("missing.crt"));
}

TEST_F(CertificateStoreTest, FilesThatStayChangeNothing) {
  const auto store = Open();
  const auto before = store->context();
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kSame);
  EXPECT_EQ(store->context(), before);
}

TEST_F(CertificateStoreTest, HalfAPairIsReportedOnceAndTheFormerStays) {
  const auto store = Open();
  const auto before = store->context();
  WriteCertificate(second_);
  const auto refreshed = store->Refresh(now_);
  EXPECT_EQ(refreshed.outcome, Outcome::kFailed);
  EXPECT_THAT(refreshed.problem, HasSubstr("is not the key of the first certificate"));
  EXPECT_EQ(store->context(), before);

  const auto again = store->Refresh(now_);
  EXPECT_EQ(again.outcome, Outcome::kFailed);
  EXPECT_EQ(again.problem, "");
}

TEST_F(CertificateStoreTest, APairThatIsCompletedIsTaken) {
  const auto store = Open();
  WriteCertificate(second_);
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kFailed);
  WriteKey(second_);
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kCertificatesChanged);
  EXPECT_EQ(NameServedBy(*store), "second.test");
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kSame);
}

TEST_F(CertificateStoreTest, EachProblemIsReportedOnceUntilASuccess) {
  const auto store = Open();
  std::filesystem::remove(directory_.File("tls.key"));
  EXPECT_THAT(store->Refresh(now_).problem, HasSubstr("No such file"));
  directory_.Write("tls.key", "text");
  EXPECT_THAT(store->Refresh(now_).problem, HasSubstr("holds no private key"));
  std::filesystem::remove(directory_.File("tls.key"));
  EXPECT_EQ(store->Refresh(now_).problem, "");

  WriteCertificate(second_);
  WriteKey(second_);
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kCertificatesChanged);
  std::filesystem::remove(directory_.File("tls.key"));
  EXPECT_THAT(store->Refresh(now_).problem, HasSubstr("No such file"));
}

TEST_F(CertificateStoreTest, AFileThatComesBackUnchangedIsNoProblem) {
  const auto store = Open();
  std::filesystem::rename(directory_.File("tls.key"), directory_.File("elsewhere"));
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kFailed);
  std::filesystem::rename(directory_.File("elsewhere"), directory_.File("tls.key"));
  EXPECT_NE(store->Refresh(now_).outcome, Outcome::kFailed);
  EXPECT_EQ(NameServedBy(*store), "first.test");
}

TEST_F(CertificateStoreTest, ARewriteInPlaceIsNoticed) {
  const auto store = Open();
  WriteCertificate(second_);
  WriteKey(second_);
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kCertificatesChanged);
  EXPECT_EQ(NameServedBy(*store), "second.test");
}

TEST_F(CertificateStoreTest, ARenameIsNoticed) {
  const auto store = Open();
  Replace("tls.crt", second_.certificate_pem);
  Replace("tls.key", second_.private_key_pem);
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kCertificatesChanged);
  EXPECT_EQ(NameServedBy(*store), "second.test");
}

// As Kubernetes changes a mounted secret: ..data points to a folder of its own for each version.
TEST_F(CertificateStoreTest, ASwapOfALinkOnTheWayIsNoticed) {
  namespace fs = std::filesystem;
  const auto version = [this](const std::string& name, const SelfSignedCertificate& made) {
    fs::create_directory(directory_.File(name));
    directory_.Write(name + "/tls.crt", made.certificate_pem);
    directory_.Write(name + "/tls.key", made.private_key_pem);
  };
  version("..1", first_);
  version("..2", second_);
  fs::create_directory_symlink("..1", directory_.File("..data"));
  fs::create_symlink("..data/tls.crt", directory_.File("link.crt"));
  fs::create_symlink("..data/tls.key", directory_.File("link.key"));
  sources_ = {{directory_.File("link.crt"), directory_.File("link.key")}};
  const auto store = Open();
  EXPECT_EQ(NameServedBy(*store), "first.test");

  fs::create_directory_symlink("..2", directory_.File("..data_tmp"));
  fs::rename(directory_.File("..data_tmp"), directory_.File("..data"));
  fs::remove_all(directory_.File("..1"));
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kCertificatesChanged);
  EXPECT_EQ(NameServedBy(*store), "second.test");
}

TEST_F(CertificateStoreTest, OneChangedPairOfSeveralIsNoticed) {
  directory_.Write("other.crt", first_.certificate_pem);
  directory_.Write("other.key", first_.private_key_pem);
  sources_.push_back({directory_.File("other.crt"), directory_.File("other.key")});
  const auto store = Open();
  Replace("other.crt", second_.certificate_pem);
  Replace("other.key", second_.private_key_pem);
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kCertificatesChanged);
  EXPECT_EQ(store->context()->certificates()[1].names().front(), "second.test");
}

TEST_F(CertificateStoreTest, TicketKeysChangeAfterTheirPeriod) {
  const auto store = Open();
  const auto before = store->context();
  const auto period = CertificateStore::kTicketKeyPeriod;
  EXPECT_EQ(store->Refresh(now_ + period - std::chrono::nanoseconds(1)).outcome, Outcome::kSame);
  EXPECT_EQ(store->Refresh(now_ + period).outcome, Outcome::kTicketKeysChanged);
  EXPECT_NE(store->context(), before);
  EXPECT_EQ(store->Refresh(now_ + period).outcome, Outcome::kSame);
  EXPECT_EQ(store->Refresh(now_ + 2 * period).outcome, Outcome::kTicketKeysChanged);
}

TEST_F(CertificateStoreTest, TicketKeysChangeThoughAFileStaysBroken) {
  const auto store = Open();
  directory_.Write("tls.key", "text");
  const base::MonotonicTime later = now_ + CertificateStore::kTicketKeyPeriod;
  EXPECT_EQ(store->Refresh(later).outcome, Outcome::kFailed);
  EXPECT_EQ(store->Refresh(later).outcome, Outcome::kTicketKeysChanged);
  EXPECT_EQ(store->Refresh(later).outcome, Outcome::kFailed);
  EXPECT_EQ(NameServedBy(*store), "first.test");
}

TEST_F(CertificateStoreTest, ATicketOutlivesOneChangeOfKeysAndNoSecond) {
  const auto store = Open();
  test_support::TlsPair before(store->context());
  before.client.UseVersion(TLS1_2_VERSION);
  ASSERT_EQ(before.Shake(), Status::kDone);
  ASSERT_FALSE(before.client.tickets().empty());
  SSL_SESSION* const ticket = before.client.tickets().front().get();

  const auto is_resumed = [&] {
    test_support::TlsPair after(store->context());
    after.client.UseVersion(TLS1_2_VERSION);
    EXPECT_EQ(after.Shake(ticket), Status::kDone);
    return SSL_session_reused(after.client.ssl()) == 1;
  };
  ASSERT_EQ(store->Refresh(now_ + std::chrono::hours(12)).outcome, Outcome::kTicketKeysChanged);
  EXPECT_TRUE(is_resumed());
  ASSERT_EQ(store->Refresh(now_ + std::chrono::hours(24)).outcome, Outcome::kTicketKeysChanged);
  EXPECT_FALSE(is_resumed());
}

TEST_F(CertificateStoreTest, ATicketOutlivesAChangeOfCertificates) {
  const auto store = Open();
  test_support::TlsPair before(store->context());
  before.client.UseVersion(TLS1_2_VERSION);
  ASSERT_EQ(before.Shake(), Status::kDone);
  Replace("tls.crt", second_.certificate_pem);
  Replace("tls.key", second_.private_key_pem);
  ASSERT_EQ(store->Refresh(now_).outcome, Outcome::kCertificatesChanged);

  test_support::TlsPair after(store->context());
  after.client.UseVersion(TLS1_2_VERSION);
  ASSERT_EQ(after.Shake(before.client.tickets().front().get()), Status::kDone);
  EXPECT_EQ(SSL_session_reused(after.client.ssl()), 1);
}

TEST_F(CertificateStoreTest, TakesOtherFilesOrKeepsWhatItHas) {
  const auto store = Open();
  const auto context = store->context();
  const auto same = store->SetSources(sources_);
  ASSERT_TRUE(same.ok());
  EXPECT_FALSE(same.value());
  EXPECT_EQ(store->context(), context);

  const auto missing = store->SetSources({{directory_.File("no.crt"), directory_.File("no.key")}});
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("no.crt"));
  EXPECT_FALSE(store->SetSources({}).ok());
  EXPECT_EQ(store->context(), context);
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kSame);

  const CertificateStore::Source other = {directory_.Write("b.crt", second_.certificate_pem),
                                          directory_.Write("b.key", second_.private_key_pem)};
  const auto replaced = store->SetSources({other, sources_[0]});
  ASSERT_TRUE(replaced.ok()) << replaced.error().message;
  EXPECT_TRUE(replaced.value());
  EXPECT_EQ(NameServedBy(*store), "second.test");
  EXPECT_EQ(store->context()->certificates().size(), 2u);
  EXPECT_EQ(store->Refresh(now_).outcome, Outcome::kSame);
}

}  // namespace relay::certificate_store_test
