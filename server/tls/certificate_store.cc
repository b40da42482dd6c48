#include "server/tls/certificate_store.h"

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "protocol/base/crypto.h"
#include "protocol/base/random.h"
#include "server/tls/certificate.h"
#include "server/tls/ticket_keys.h"

namespace relay {
namespace {

// What changes when the content behind a path does, be it written in place, renamed over, or behind
// another link.
struct Stamp {
  std::uint64_t device;
  std::uint64_t inode;
  std::int64_t size;
  std::int64_t modified_ns;
  std::int64_t changed_ns;

  friend bool operator==(const Stamp&, const Stamp&) = default;
};
using Stamps = std::vector<std::optional<Stamp>>;

std::int64_t Nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// nullopt: there is no such file, or it may not be looked at.
std::optional<Stamp> StampOf(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Stamp{status.st_dev, status.st_ino, status.st_size, Nanoseconds(status.st_mtim),
               Nanoseconds(status.st_ctim)};
}

Stamps StampsOf(const std::vector<CertificateStore::Source>& sources) {
  Stamps stamps;
  for (const CertificateStore::Source& source : sources) {
    stamps.push_back(StampOf(source.certificate_path));
    stamps.push_back(StampOf(source.private_key_path));
  }
  return stamps;
}

base::Result<std::vector<Certificate>> LoadAll(
    const std::vector<CertificateStore::Source>& sources) {
  std::vector<Certificate> certificates;
  for (const CertificateStore::Source& source : sources) {
    auto certificate = Certificate::Load(source.certificate_path, source.private_key_path);
    if (!certificate.ok()) return certificate.error();
    certificates.push_back(std::move(certificate).value());
  }
  return certificates;
}

void Wipe(TicketKey& key) {
  base::WipeMemory(key.encryption);
  base::WipeMemory(key.integrity);
}

}  // namespace

class CertificateStore::Impl {
 public:
  Impl(std::vector<Source> sources, base::MonotonicTime now)
      : sources_(std::move(sources)),
        ticket_keys_{TicketKey::Generate(random_), std::nullopt},
        ticket_keys_since_(now) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    Wipe(ticket_keys_.current);
    if (ticket_keys_.previous) Wipe(*ticket_keys_.previous);
  }

  const std::shared_ptr<const TlsContext>& context() const { return context_; }

  base::Result<void> Load() {
    // Stamps before contents: what is replaced while it is read is noticed the next time.
    Stamps stamps = StampsOf(sources_);
    auto certificates = LoadAll(sources_);
    if (!certificates.ok()) return certificates.error();
    if (auto used = Use(std::move(certificates).value()); !used.ok()) return used;
    loaded_ = std::move(stamps);
    return {};
  }

  base::Result<bool> SetSources(std::vector<Source> sources) {
    if (sources == sources_) return false;
    std::swap(sources, sources_);
    if (const auto loaded = Load(); !loaded.ok()) {
      std::swap(sources, sources_);
      return loaded.error();
    }
    reported_.clear();
    return true;
  }

  Refreshed Refresh(base::MonotonicTime now) {
    if (StampsOf(sources_) == loaded_) {
      reported_.clear();
      return ChangeTicketKeysIfOld(now);
    }
    if (const auto loaded = Load(); !loaded.ok()) {
      const bool is_new = reported_.insert(loaded.error().message).second;
      if (is_new) return {Outcome::kFailed, loaded.error().message};
      // A file that stays broken for days must not keep the keys from changing.
      Refreshed refreshed = ChangeTicketKeysIfOld(now);
      if (refreshed.outcome == Outcome::kSame) refreshed.outcome = Outcome::kFailed;
      return refreshed;
    }
    reported_.clear();
    static_cast<void>(ChangeTicketKeysIfOld(now));
    return {Outcome::kCertificatesChanged, ""};
  }

 private:
  base::Result<void> Use(std::vector<Certificate> certificates) {
    auto context = TlsContext::Create(std::move(certificates), ticket_keys_);
    if (!context.ok()) return context.error();
    context_ = std::move(context).value();
    return {};
  }

  Refreshed ChangeTicketKeysIfOld(base::MonotonicTime now) {
    if (now < ticket_keys_since_ + kTicketKeyPeriod) return {};
    ticket_keys_.previous = ticket_keys_.current;
    ticket_keys_.current = TicketKey::Generate(random_);
    ticket_keys_since_ = now;
    if (const auto used = Use(context_->certificates()); !used.ok()) {
      return {Outcome::kFailed, used.error().message};
    }
    return {Outcome::kTicketKeysChanged, ""};
  }

  std::vector<Source> sources_;
  base::OsRandom random_;
  TicketKeys ticket_keys_;
  base::MonotonicTime ticket_keys_since_;
  std::shared_ptr<const TlsContext> context_;
  Stamps loaded_;  // of the files that context_ was made of
  std::set<std::string> reported_;
};

CertificateStore::CertificateStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

CertificateStore::~CertificateStore() = default;

base::Result<std::unique_ptr<CertificateStore>> CertificateStore::Open(std::vector<Source> sources,
                                                                       base::MonotonicTime now) {
  auto impl = std::make_unique<Impl>(std::move(sources), now);
  if (const auto loaded = impl->Load(); !loaded.ok()) return loaded.error();
  return std::unique_ptr<CertificateStore>(new CertificateStore(std::move(impl)));
}

const std::shared_ptr<const TlsContext>& CertificateStore::context() const {
  return impl_->context();
}

base::Result<bool> CertificateStore::SetSources(std::vector<Source> sources) {
  return impl_->SetSources(std::move(sources));
}

CertificateStore::Refreshed CertificateStore::Refresh(base::MonotonicTime now) {
  return impl_->Refresh(now);
}

}  // namespace relay
