#include "server/tls/self_signed.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <string_view>

#include "protocol/base/bytes.h"
#include "server/tls/openssl_handles.h"

namespace relay {
namespace {

constexpr std::size_t kMaxNameBytes = 253;       // RFC 1035 section 2.3.4, as text
constexpr std::size_t kMaxCommonNameBytes = 64;  // RFC 5280 appendix A.1
constexpr int kDays = 3650;

base::Error Failure() { return {"no certificate can be made: " + TakeErrorReason()}; }

bool IsUsableName(std::string_view name) {
  const auto is_graphic = [](char c) { return c > ' ' && c < 0x7f; };
  return !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, is_graphic);
}

KeyHandle MakeKey(KeyType type) {
  constexpr std::size_t kRsaBits = 2048;
  return KeyHandle(type == KeyType::kRsa2048 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", kRsaBits)
                                             : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
}

bool SetSerial(X509* certificate) {
  std::array<std::uint8_t, 16> octets;
  if (RAND_bytes(octets.data(), octets.size()) != 1) return false;
  octets[0] = static_cast<std::uint8_t>((octets[0] & 0x7f) | 0x40);  // positive, of full length
  const BigNumberHandle number(BN_bin2bn(octets.data(), octets.size(), nullptr));
  const Asn1IntegerHandle serial(number == nullptr ? nullptr
                                                   : BN_to_ASN1_INTEGER(number.get(), nullptr));
  return serial != nullptr && X509_set_serialNumber(certificate, serial.get()) == 1;
}

bool SetPeriod(X509* certificate, base::WallTime now) {
  std::time_t start = std::chrono::system_clock::to_time_t(now - std::chrono::days(1));
  return X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, &start) != nullptr &&
         X509_time_adj_ex(X509_getm_notAfter(certificate), kDays, 0, &start) != nullptr;
}

bool SetNames(X509* certificate, std::string_view common_name) {
  const base::Bytes octets = base::AsBytes(common_name.substr(0, kMaxCommonNameBytes));
  X509_NAME* const subject = X509_get_subject_name(certificate);
  return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, octets.data(),
                                    static_cast<int>(octets.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1;
}

// `type` is GEN_DNS or GEN_IPADD.
bool AddAlternative(GENERAL_NAMES* all, int type, base::Bytes octets) {
  GeneralNameHandle name(GENERAL_NAME_new());
  if (name == nullptr) return false;
  ASN1_STRING* const value = type == GEN_DNS ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();
  if (value == nullptr) return false;
  GENERAL_NAME_set0_value(name.get(), type, value);
  if (ASN1_STRING_set(value, octets.data(), static_cast<int>(octets.size())) != 1) return false;
  if (sk_GENERAL_NAME_push(all, name.get()) <= 0) return false;
  static_cast<void>(name.release());
  return true;
}

bool AddAlternatives(X509* certificate, const std::vector<std::string>& names,
                     const std::vector<base::IpAddress>& addresses) {
  const GeneralNamesHandle all(GENERAL_NAMES_new());
  if (all == nullptr) return false;
  for (const std::string& name : names) {
    if (!AddAlternative(all.get(), GEN_DNS, base::AsBytes(name))) return false;
  }
  for (const base::IpAddress& address : addresses) {
    const auto v4 = address.v4_octets();
    const base::Bytes octets = address.is_v4() ? base::Bytes(v4) : base::Bytes(address.octets());
    if (!AddAlternative(all.get(), GEN_IPADD, octets)) return false;
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, all.get(), 0, X509V3_ADD_DEFAULT) ==
         1;
}

bool AddExtension(X509* certificate, int id, const char* value) {
  const X509ExtensionHandle extension(X509V3_EXT_conf_nid(nullptr, nullptr, id, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool AddPurposes(X509* certificate, KeyType type) {
  const char* const usage = type == KeyType::kRsa2048 ? "critical,digitalSignature,keyEncipherment"
                                                      : "critical,digitalSignature";
  return AddExtension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         AddExtension(certificate, NID_key_usage, usage) &&
         AddExtension(certificate, NID_ext_key_usage, "serverAuth");
}

std::string ContentOf(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : "";
}

}  // namespace

base::Result<SelfSignedCertificate> MakeSelfSignedCertificate(
    KeyType key_type, const std::vector<std::string>& names,
    const std::vector<base::IpAddress>& addresses, base::WallTime now) {
  if (names.empty() && addresses.empty()) return base::Error{"a certificate needs a name"};
  for (const std::string& name : names) {
    if (!IsUsableName(name)) return base::Error{"'" + name + "' does not fit into a certificate"};
  }
  ERR_clear_error();
  const KeyHandle key = MakeKey(key_type);
  const X509Handle certificate(X509_new());
  if (key == nullptr || certificate == nullptr) return Failure();
  constexpr int kVersion3 = 2;
  const std::string common_name = names.empty() ? addresses.front().ToString() : names.front();
  const bool is_made = X509_set_version(certificate.get(), kVersion3) == 1 &&
                       SetSerial(certificate.get()) && SetPeriod(certificate.get(), now) &&
                       SetNames(certificate.get(), common_name) &&
                       X509_set_pubkey(certificate.get(), key.get()) == 1 &&
                       AddAlternatives(certificate.get(), names, addresses) &&
                       AddPurposes(certificate.get(), key_type) &&
                       X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0;
  if (!is_made) return Failure();

  const BioHandle certificate_pem(BIO_new(BIO_s_mem()));
  const BioHandle key_pem(BIO_new(BIO_s_secmem()));  // wiped when it is freed
  if (certificate_pem == nullptr || key_pem == nullptr ||
      PEM_write_bio_X509(certificate_pem.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return Failure();
  }
  return SelfSignedCertificate{ContentOf(certificate_pem.get()), ContentOf(key_pem.get())};
}

}  // namespace relay
