#include "server/tls/certificate.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "protocol/base/crypto.h"
#include "protocol/base/ip_address.h"
#include "server/sandbox/file_rules.h"
#include "server/tls/openssl_handles.h"

namespace relay {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1024} * 1024;
// `*` is a whole label or nothing (RFC 9525 section 6.3).
constexpr unsigned kHostFlags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;

class File {
 public:
  // A FIFO without a writer must not hold us up.
  explicit File(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

base::Error About(const std::string& path, const std::string& what) {
  return {"'" + path + "' " + what};
}

// What a file holds, wiped at the end, since it may be a key.
class FileContent {
 public:
  FileContent() = default;
  FileContent(const FileContent&) = delete;
  FileContent& operator=(const FileContent&) = delete;
  ~FileContent() { base::WipeMemory(octets_); }

  base::Result<void> Read(const std::string& path) {
    const File file(path);
    const auto failed = [&path] {
      return About(path, "cannot be read: " + WhyNotOpened(path, errno));
    };
    if (file.descriptor() < 0) return failed();
    octets_.resize(kMaxFileBytes + 1);  // at once: growing would leave copies of a key behind
    std::size_t size = 0;
    while (size < octets_.size()) {
      const ssize_t got = ::read(file.descriptor(), octets_.data() + size, octets_.size() - size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed();
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
    }
    if (size > kMaxFileBytes) return About(path, "is larger than 1 MiB");
    octets_.resize(size);
    return {};
  }

  // A reader over the content, which must outlive it.
  BioHandle NewReader() const {
    return BioHandle(BIO_new_mem_buf(octets_.data(), static_cast<int>(octets_.size())));
  }

 private:
  std::vector<std::uint8_t> octets_;
};

struct Chain {
  X509Handle leaf;
  X509ChainHandle others;
};

bool IsEndOfPem() {
  const unsigned long code = ERR_peek_last_error();  // NOLINT(google-runtime-int): OpenSSL's type
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

base::Result<Chain> ReadChain(const std::string& path) {
  FileContent content;
  if (const auto read = content.Read(path); !read.ok()) return read.error();
  const BioHandle reader = content.NewReader();
  Chain chain;
  chain.others.reset(sk_X509_new_null());
  if (reader == nullptr || chain.others == nullptr) return About(path, "does not fit into memory");
  while (true) {
    ERR_clear_error();
    X509Handle certificate(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    if (chain.leaf == nullptr) {
      chain.leaf = std::move(certificate);
    } else if (sk_X509_push(chain.others.get(), certificate.get()) > 0) {
      static_cast<void>(certificate.release());
    } else {
      return About(path, "does not fit into memory");
    }
  }
  if (!IsEndOfPem()) return About(path, "holds a broken certificate: " + TakeErrorReason());
  ERR_clear_error();
  if (chain.leaf == nullptr) return About(path, "holds no certificate in PEM form");
  return chain;
}

// Called when a key is encrypted; there is nobody to ask.
int RefusePassword(char* /*password*/, int /*size*/, int /*is_writing*/, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

base::Result<KeyHandle> ReadKey(const std::string& path) {
  FileContent content;
  if (const auto read = content.Read(path); !read.ok()) return read.error();
  const BioHandle reader = content.NewReader();
  if (reader == nullptr) return About(path, "does not fit into memory");
  bool is_encrypted = false;
  ERR_clear_error();
  KeyHandle key(PEM_read_bio_PrivateKey(reader.get(), nullptr, RefusePassword, &is_encrypted));
  ERR_clear_error();
  if (is_encrypted) return About(path, "is encrypted; the key must be readable without a password");
  if (key == nullptr) return About(path, "holds no private key in PEM form");
  return key;
}

std::string TextOf(const ASN1_STRING* text) {
  const base::Bytes octets(ASN1_STRING_get0_data(text),
                           static_cast<std::size_t>(ASN1_STRING_length(text)));
  return std::string(base::AsText(octets));
}

// A SAN's address; empty: of no family that we know.
std::string AddressOf(const ASN1_OCTET_STRING* value) {
  const std::uint8_t* const octets = ASN1_STRING_get0_data(value);
  if (ASN1_STRING_length(value) == 4) {
    std::array<std::uint8_t, 4> v4;
    std::copy_n(octets, v4.size(), v4.begin());
    return base::IpAddress::FromV4(v4).ToString();
  }
  if (ASN1_STRING_length(value) == 16) {
    std::array<std::uint8_t, 16> v6;
    std::copy_n(octets, v6.size(), v6.begin());
    return base::IpAddress::FromV6(v6).ToString();
  }
  return "";
}

std::string CommonNameOf(X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int position = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (position < 0) return "";
  return TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, position)));
}

std::vector<std::string> NamesOf(X509* certificate) {
  std::vector<std::string> names;
  const GeneralNamesHandle alternatives(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type == GEN_DNS) names.push_back(TextOf(name->d.dNSName));
    if (name->type == GEN_IPADD) names.push_back(AddressOf(name->d.iPAddress));
  }
  std::erase(names, "");
  if (names.empty()) names.push_back(CommonNameOf(certificate));
  std::erase(names, "");
  return names;
}

base::WallTime EndOf(const X509* certificate) {
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&end));
}

bool MatchesAddress(X509* certificate, const base::IpAddress& address) {
  if (address.is_v4()) {
    const auto octets = address.v4_octets();
    return X509_check_ip(certificate, octets.data(), octets.size(), 0) == 1;
  }
  return X509_check_ip(certificate, address.octets().data(), address.octets().size(), 0) == 1;
}

}  // namespace

struct Certificate::Parts {
  X509Handle leaf;
  X509ChainHandle chain;
  KeyHandle key;
  std::vector<std::string> names;
  base::WallTime not_after;
  std::string key_type;
  std::string path;
};

base::Result<Certificate> Certificate::Load(const std::string& chain_path,
                                            const std::string& key_path) {
  auto chain = ReadChain(chain_path);
  if (!chain.ok()) return chain.error();
  auto key = ReadKey(key_path);
  if (!key.ok()) return key.error();
  X509* const leaf = chain.value().leaf.get();
  ERR_clear_error();
  if (X509_check_private_key(leaf, key.value().get()) != 1) {
    ERR_clear_error();
    return About(key_path, "is not the key of the first certificate in '" + chain_path + "'");
  }
  const char* const key_type = EVP_PKEY_get0_type_name(key.value().get());
  const auto parts = std::make_shared<Parts>();
  parts->names = NamesOf(leaf);
  parts->not_after = EndOf(leaf);
  parts->key_type = key_type != nullptr ? key_type : "";
  parts->path = chain_path;
  parts->leaf = std::move(chain.value().leaf);
  parts->chain = std::move(chain.value().others);
  parts->key = std::move(key).value();
  ERR_clear_error();
  return Certificate(parts);
}

bool Certificate::Matches(std::string_view server_name) const {
  if (server_name.starts_with('[') && server_name.ends_with(']')) {
    server_name = server_name.substr(1, server_name.size() - 2);
  }
  // To OpenSSL an empty name is one whose length it shall find out, and a dot in front stands for
  // any name below.
  if (server_name.empty() || server_name.starts_with('.')) return false;
  if (const auto address = base::IpAddress::Parse(server_name)) {
    return MatchesAddress(parts_->leaf.get(), *address);
  }
  return X509_check_host(parts_->leaf.get(), server_name.data(), server_name.size(), kHostFlags,
                         nullptr) == 1;
}

const std::vector<std::string>& Certificate::names() const { return parts_->names; }

base::WallTime Certificate::not_after() const { return parts_->not_after; }

const std::string& Certificate::key_type() const { return parts_->key_type; }

const std::string& Certificate::path() const { return parts_->path; }

bool Certificate::UseIn(ssl_st* session) const {
  constexpr int kReplaceSameKeyType = 1;
  return SSL_use_cert_and_key(session, parts_->leaf.get(), parts_->key.get(), parts_->chain.get(),
                              kReplaceSameKeyType) == 1;
}

}  // namespace relay
