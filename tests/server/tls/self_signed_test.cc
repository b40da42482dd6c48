#include "server/tls/self_signed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <chrono>

#include "server/tls/openssl_handles.h"
#include "tests/server/tls/test_certificates.h"

namespace relay::self_signed_test {

using test_support::SelfSigned;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const base::WallTime kNow = std::chrono::system_clock::from_time_t(1'800'000'000);

base::IpAddress Address(const char* text) { return base::IpAddress::Parse(text).value(); }

X509Handle Parse(const SelfSignedCertificate& made) {
  const BioHandle reader(BIO_new_mem_buf(made.certificate_pem.data(), -1));
  X509Handle certificate(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
  CHECK(certificate != nullptr);
  return certificate;
}

TEST(SelfSigned, NeedsANameOrAnAddress) {
  const auto made = MakeSelfSignedCertificate(KeyType::kEcP256, {}, {}, kNow);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().message, "a certificate needs a name");
}

TEST(SelfSigned, RefusesNamesThatACertificateCannotHold) {
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a\nb"), std::string("m\xc3\xbcnchen.test"),
        std::string(254, 'a'), std::string("a\0b", 3)}) {
    const auto made = MakeSelfSignedCertificate(KeyType::kEcP256, {"fine", name}, {}, kNow);
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, HasSubstr("does not fit into a certificate"));
  }
}

TEST(SelfSigned, ANameWithACommaStaysOneName) {
  const auto made = MakeSelfSignedCertificate(KeyType::kEcP256, {"a,DNS:b"}, {}, kNow);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(X509_check_host(Parse(made.value()).get(), "b", 1, 0, nullptr), 0);
}

TEST(SelfSigned, IsForAllItsNamesAndAddresses) {
  const auto made = MakeSelfSignedCertificate(KeyType::kEcP256, {"a.test", "b.test"},
                                              {Address("192.0.2.1"), Address("2001:db8::1")}, kNow);
  ASSERT_TRUE(made.ok());
  const test_support::TemporaryDirectory directory;
  const auto loaded = Certificate::Load(directory.Write("crt", made.value().certificate_pem),
                                        directory.Write("key", made.value().private_key_pem));
  ASSERT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.value().names(), ElementsAre("a.test", "b.test", "192.0.2.1", "2001:db8::1"));
}

TEST(SelfSigned, ACommonNameIsCutWhereItMustEnd) {
  const std::string name = std::string(60, 'a') + ".long.test";
  const auto made = MakeSelfSignedCertificate(KeyType::kEcP256, {name}, {}, kNow);
  ASSERT_TRUE(made.ok());
  const X509Handle certificate = Parse(made.value());
  std::array<char, 100> common_name{};
  EXPECT_EQ(X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName,
                                      common_name.data(), common_name.size()),
            64);
  EXPECT_EQ(X509_check_host(certificate.get(), name.data(), name.size(), 0, nullptr), 1);
}

TEST(SelfSigned, AnAddressAloneIsTheCommonName) {
  const auto made = MakeSelfSignedCertificate(KeyType::kEcP256, {}, {Address("192.0.2.1")}, kNow);
  ASSERT_TRUE(made.ok());
  std::array<char, 100> common_name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(Parse(made.value()).get()), NID_commonName,
                            common_name.data(), common_name.size());
  EXPECT_STREQ(common_name.data(), "192.0.2.1");
}

TEST(SelfSigned, IsValidFromADayBeforeForTenYears) {
  const auto made = MakeSelfSignedCertificate(KeyType::kEcP256, {"a.test"}, {}, kNow);
  ASSERT_TRUE(made.ok());
  const X509Handle certificate = Parse(made.value());
  std::time_t start = 1'800'000'000 - 86'400;
  std::time_t end = start + 3650 * std::time_t{86'400};
  EXPECT_EQ(ASN1_TIME_cmp_time_t(X509_get0_notBefore(certificate.get()), start), 0);
  EXPECT_EQ(ASN1_TIME_cmp_time_t(X509_get0_notAfter(certificate.get()), end), 0);
}

TEST(SelfSigned, IsForServersAndSignsNoOthers) {
  for (const KeyType type : {KeyType::kEcP256, KeyType::kRsa2048}) {
    const X509Handle certificate = Parse(SelfSigned(type, {"turn.example.test"}));
    EXPECT_EQ(X509_get_version(certificate.get()), X509_VERSION_3);
    EXPECT_EQ(X509_check_ca(certificate.get()), 0);
    EXPECT_EQ(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
    EXPECT_EQ(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_CLIENT, 0), 0);
    const std::uint32_t encipherment = type == KeyType::kRsa2048 ? KU_KEY_ENCIPHERMENT : 0;
    EXPECT_EQ(X509_get_key_usage(certificate.get()), KU_DIGITAL_SIGNATURE | encipherment);
  }
}

TEST(SelfSigned, SatisfiesAClientThatTrustsIt) {
  const X509Handle certificate = Parse(SelfSigned(KeyType::kEcP256, {"turn.example.test"}));
  const std::unique_ptr<X509_STORE, FreeBy<X509_STORE_free>> store(X509_STORE_new());
  ASSERT_EQ(X509_STORE_add_cert(store.get(), certificate.get()), 1);
  const std::unique_ptr<X509_STORE_CTX, FreeBy<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  ASSERT_EQ(X509_STORE_CTX_init(check.get(), store.get(), certificate.get(), nullptr), 1);
  X509_STORE_CTX_set_default(check.get(), "ssl_server");
  X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(check.get()), "turn.example.test", 0);
  EXPECT_EQ(X509_verify_cert(check.get()), 1);
}

TEST(SelfSigned, EachHasASerialOfItsOwn) {
  const auto first = MakeSelfSignedCertificate(KeyType::kEcP256, {"a.test"}, {}, kNow);
  const auto second = MakeSelfSignedCertificate(KeyType::kEcP256, {"a.test"}, {}, kNow);
  ASSERT_TRUE(first.ok() && second.ok());
  const X509Handle one = Parse(first.value());
  const X509Handle other = Parse(second.value());
  EXPECT_NE(
      ASN1_INTEGER_cmp(X509_get0_serialNumber(one.get()), X509_get0_serialNumber(other.get())), 0);
  EXPECT_EQ(ASN1_STRING_length(X509_get0_serialNumber(one.get())), 16);
  EXPECT_EQ(ASN1_STRING_type(X509_get0_serialNumber(one.get())), V_ASN1_INTEGER);
}

}  // namespace relay::self_signed_test
