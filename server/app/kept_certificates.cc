#include "server/app/kept_certificates.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "protocol/base/crypto.h"
#include "server/app/add_once.h"
#include "server/app/state_directory.h"
#include "server/tls/certificate.h"
#include "server/tls/self_signed.h"

namespace relay {
namespace {

// A month before the end is early enough for whoever has to pass a new one on.
constexpr std::chrono::days kLastDays{30};
constexpr ::mode_t kPublicMode = 0644;
constexpr ::mode_t kPrivateMode = 0600;

// Holds off other processes that keep certificates in the same folder.
class FolderLock {
 public:
  explicit FolderLock(const std::string& directory)
      : fd_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ >= 0) ::flock(fd_, LOCK_EX);  // where locks do not work, nobody else is there either
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

bool IsThere(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

bool IsFor(const Certificate& certificate, const CertificateSubjects& subjects) {
  const auto matches = [&](const std::string& name) { return certificate.Matches(name); };
  return certificate.names().size() == subjects.names.size() + subjects.addresses.size() &&
         std::ranges::all_of(subjects.names, matches) &&
         std::ranges::all_of(subjects.addresses, matches, &base::IpAddress::ToString);
}

// Why what is there must be made anew, as a sentence; empty: it is good.
std::string FindFault(const Config::Certificate& pair, const CertificateSubjects& subjects,
                      base::WallTime now) {
  const auto loaded = Certificate::Load(pair.certificate_path, pair.private_key_path);
  if (!loaded.ok()) return "the former certificate cannot be used: " + loaded.error().message;
  if (loaded.value().not_after() <= now) return "the former certificate has expired";
  if (loaded.value().not_after() <= now + kLastDays) return "the former certificate nears its end";
  if (!IsFor(loaded.value(), subjects)) {
    return "the former certificate is not for the names and addresses that this server has now";
  }
  return {};
}

base::Result<void> Make(KeyType key_type, const Config::Certificate& pair,
                        const CertificateSubjects& subjects, base::WallTime now) {
  auto made = MakeSelfSignedCertificate(key_type, subjects.names, subjects.addresses, now);
  if (!made.ok()) return made.error();
  std::string& key = made.value().private_key_pem;
  auto key_written = ReplaceFile(pair.private_key_path, key, kPrivateMode);
  base::WipeMemory({reinterpret_cast<std::uint8_t*>(key.data()), key.size()});
  if (!key_written.ok()) return key_written;
  return ReplaceFile(pair.certificate_path, made.value().certificate_pem, kPublicMode);
}

}  // namespace

CertificateSubjects SubjectsOf(const std::string& node,
                               const std::vector<turn::RelayAddress>& relay_addresses) {
  CertificateSubjects subjects;
  if (const auto address = base::IpAddress::Parse(node)) {
    subjects.addresses.push_back(*address);
  } else if (!node.empty() && node != "localhost") {
    subjects.names.push_back(node);
  }
  subjects.names.emplace_back("localhost");
  for (const turn::RelayAddress& relay : relay_addresses) {
    AddOnce(subjects.addresses, relay.external);
    AddOnce(subjects.addresses, relay.internal);
  }
  AddOnce(subjects.addresses, base::IpAddress::FromV4({127, 0, 0, 1}));
  AddOnce(subjects.addresses, *base::IpAddress::Parse("::1"));
  return subjects;
}

base::Result<KeptCertificates> KeepCertificates(const std::string& directory,
                                                const CertificateSubjects& subjects,
                                                base::WallTime now) {
  const FolderLock lock(directory);
  if (!lock.is_open()) {
    return base::Error{"'" + directory + "' cannot be opened: " + std::strerror(errno)};
  }
  KeptCertificates kept;
  for (const auto& [key_type, name] :
       {std::pair{KeyType::kRsa2048, "tls-rsa"}, std::pair{KeyType::kEcP256, "tls-ec"}}) {
    const std::string stem = directory + "/" + name;
    const Config::Certificate pair{stem + ".crt", stem + ".key"};
    const bool is_new = !IsThere(pair.certificate_path) && !IsThere(pair.private_key_path);
    const std::string fault = is_new ? std::string() : FindFault(pair, subjects, now);
    if (is_new || !fault.empty()) {
      const auto made = Make(key_type, pair, subjects, now);
      if (!made.ok()) return made.error();
    }
    if (!fault.empty()) {
      kept.replaced.push_back("'" + pair.certificate_path + "' was made anew: " + fault);
    }
    kept.certificates.push_back(pair);
  }
  return kept;
}

}  // namespace relay
