#include "server/app/kept_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "server/tls/certificate.h"
#include "tests/support/certificate_files.h"
#include "tests/support/temporary_directory.h"

namespace relay::kept_certificates_test {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

base::IpAddress Address(std::string_view text) { return *base::IpAddress::Parse(text); }

std::string Content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

mode_t ModeOf(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777;
}

class KeptCertificatesTest : public testing::Test {
 protected:
  KeptCertificates Keep() const {
    auto kept = KeepCertificates(directory_.path(), subjects_, now_);
    if (!kept.ok()) {
      ADD_FAILURE() << kept.error().message;
      return {};
    }
    return std::move(kept).value();
  }
  // Of all files that there are, by name.
  std::string Contents() const {
    std::string all;
    for (const char* name : {"tls-rsa.crt", "tls-rsa.key", "tls-ec.crt", "tls-ec.key"}) {
      all += Content(directory_.File(name));
    }
    return all;
  }
  Certificate Load(const Config::Certificate& pair) const {
    return Certificate::Load(pair.certificate_path, pair.private_key_path).value();
  }

  test_support::TemporaryDirectory directory_;
  CertificateSubjects subjects_{{"turn.example.org", "localhost"}, {Address("203.0.113.7")}};
  base::WallTime now_ = base::ReadClocks().wall;
};

TEST_F(KeptCertificatesTest, CannotBeMadeWhereThereIsNoFolder) {
  const auto kept = KeepCertificates("/nonexistent/state", subjects_, now_);
  ASSERT_FALSE(kept.ok());
  EXPECT_THAT(kept.error().message, HasSubstr("/nonexistent/state"));
}

TEST_F(KeptCertificatesTest, CannotBeMadeForANameThatNoCertificateHolds) {
  subjects_.names = {std::string(300, 'a')};
  const auto kept = KeepCertificates(directory_.path(), subjects_, now_);
  ASSERT_FALSE(kept.ok());
  EXPECT_THAT(kept.error().message, HasSubstr("does not fit"));
}

TEST_F(KeptCertificatesTest, AreAnRsaAndAnEcOneForAllSubjects) {
  const KeptCertificates kept = Keep();
  EXPECT_THAT(kept.replaced, IsEmpty());
  ASSERT_THAT(kept.certificates, SizeIs(2));
  const Certificate rsa = Load(kept.certificates[0]);
  const Certificate ec = Load(kept.certificates[1]);
  EXPECT_EQ(rsa.path(), directory_.File("tls-rsa.crt"));
  EXPECT_EQ(ec.path(), directory_.File("tls-ec.crt"));
  EXPECT_EQ(rsa.key_type(), "RSA");
  EXPECT_EQ(ec.key_type(), "EC");
  for (const Certificate& certificate : {rsa, ec}) {
    EXPECT_THAT(certificate.names(),
                UnorderedElementsAre("turn.example.org", "localhost", "203.0.113.7"));
    EXPECT_GT(certificate.not_after(), now_ + std::chrono::days(365));
  }
}

TEST_F(KeptCertificatesTest, HaveKeysForTheirOwnerAloneUnderAnyUmask) {
  const mode_t before = ::umask(0);
  Keep();
  ::umask(before);
  for (const char* name : {"tls-rsa.key", "tls-ec.key"}) {
    EXPECT_EQ(ModeOf(directory_.File(name)), mode_t{0600}) << name;
  }
  const auto count = std::distance(std::filesystem::directory_iterator(directory_.path()), {});
  EXPECT_EQ(count, 4);
}

TEST_F(KeptCertificatesTest, AreMadeOnce) {
  Keep();
  const std::string before = Contents();
  EXPECT_THAT(Keep().replaced, IsEmpty());
  EXPECT_EQ(Contents(), before);
}

TEST_F(KeptCertificatesTest, AreMadeAnewNearTheirEnd) {
  Keep();
  const std::string before = Contents();
  now_ += test_support::kCertificateLife - std::chrono::days(20);
  EXPECT_THAT(Keep().replaced, ElementsAre(HasSubstr("nears its end"), HasSubstr("tls-ec.crt")));
  EXPECT_NE(Contents(), before);
  now_ += 2 * test_support::kCertificateLife;
  EXPECT_THAT(Keep().replaced, ElementsAre(HasSubstr("has expired"), HasSubstr("has expired")));
}

TEST_F(KeptCertificatesTest, AreMadeAnewForOtherNamesAndAddresses) {
  Keep();
  const std::vector<CertificateSubjects> others{
      {{"other.example.org", "localhost"}, {Address("203.0.113.7")}},
      {{"other.example.org", "localhost"}, {Address("203.0.113.8")}},
      {{"other.example.org", "localhost"}, {Address("203.0.113.8"), Address("2001:db8::1")}},
      {{"localhost"}, {Address("203.0.113.8"), Address("2001:db8::1")}}};
  for (const CertificateSubjects& other : others) {
    subjects_ = other;
    EXPECT_THAT(Keep().replaced, ElementsAre(HasSubstr("not for the names"), HasSubstr("tls-ec")));
    EXPECT_THAT(Keep().replaced, IsEmpty());
  }
}

TEST_F(KeptCertificatesTest, AreMadeAnewOnlyWhereOneIsBroken) {
  const KeptCertificates kept = Keep();
  const std::string rsa = Content(kept.certificates[0].certificate_path);
  for (const char* name : {"tls-ec.crt", "tls-ec.key"}) {
    directory_.Write(name, "broken");
    EXPECT_THAT(Keep().replaced,
                ElementsAre(HasSubstr("cannot be used: '" + directory_.File(name))));
    std::filesystem::remove(directory_.File(name));
    EXPECT_THAT(Keep().replaced, ElementsAre(HasSubstr("cannot be read: No such file")));
    EXPECT_EQ(Load(kept.certificates[1]).key_type(), "EC");
    EXPECT_EQ(ModeOf(directory_.File("tls-ec.key")), mode_t{0600});
  }
  EXPECT_EQ(Content(kept.certificates[0].certificate_path), rsa);
}

TEST_F(KeptCertificatesTest, AreTheSameForAllWhoAskAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] { EXPECT_THAT(Keep().replaced, IsEmpty()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Keep().replaced, IsEmpty());
}

TEST(CertificateSubjectsTest, AreTheNodeEveryAddressAndThisHost) {
  const CertificateSubjects subjects =
      SubjectsOf("turn.example.org", {{Address("10.0.0.5"), Address("203.0.113.7")},
                                      {Address("2001:db8::1"), Address("2001:db8::1")}});
  EXPECT_THAT(subjects.names, ElementsAre("turn.example.org", "localhost"));
  EXPECT_THAT(subjects.addresses,
              ElementsAre(Address("203.0.113.7"), Address("10.0.0.5"), Address("2001:db8::1"),
                          Address("127.0.0.1"), Address("::1")));
}

TEST(CertificateSubjectsTest, HaveEachOnce) {
  EXPECT_THAT(SubjectsOf("localhost", {}).names, ElementsAre("localhost"));
  EXPECT_THAT(SubjectsOf("", {}).names, ElementsAre("localhost"));
  EXPECT_THAT(SubjectsOf("192.0.2.1", {{Address("192.0.2.1"), Address("192.0.2.1")}}).addresses,
              ElementsAre(Address("192.0.2.1"), Address("127.0.0.1"), Address("::1")));
}

}  // namespace relay::kept_certificates_test
