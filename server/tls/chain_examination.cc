#include "server/tls/chain_examination.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <ctime>
#include <memory>
#include <utility>

#include "server/tls/openssl_handles.h"

namespace relay {
namespace {

using StoreHandle = std::unique_ptr<X509_STORE, FreeBy<X509_STORE_free>>;
using StoreContextHandle = std::unique_ptr<X509_STORE_CTX, FreeBy<X509_STORE_CTX_free>>;

base::WallTime ToWallTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string DistrustOf(X509* leaf, STACK_OF(X509) * others) {
  const StoreHandle store(X509_STORE_new());
  const StoreContextHandle context(X509_STORE_CTX_new());
  const bool is_ready = store != nullptr && context != nullptr &&
                        X509_STORE_set_default_paths(store.get()) == 1 &&
                        X509_STORE_CTX_init(context.get(), store.get(), leaf, others) == 1 &&
                        X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER) == 1;
  if (!is_ready) return "it cannot be verified here: " + TakeErrorReason();
  // Dates are judged apart.
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);
  const bool is_trusted = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  if (is_trusted) return "";
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

}  // namespace

base::Result<ChainExamination> ExamineChain(const std::string& path) {
  ERR_clear_error();
  const BioHandle reader(BIO_new_file(path.c_str(), "r"));
  if (reader == nullptr) return base::Error{"'" + path + "' cannot be read: " + TakeErrorReason()};
  const X509Handle leaf(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
  const X509ChainHandle others(sk_X509_new_null());
  if (leaf == nullptr || others == nullptr) {
    ERR_clear_error();
    return base::Error{"'" + path + "' holds no certificate in PEM form"};
  }
  while (X509* further = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    if (sk_X509_push(others.get(), further) == 0) X509_free(further);
  }
  ERR_clear_error();
  ChainExamination examination;
  examination.not_before = ToWallTime(X509_get0_notBefore(leaf.get()));
  examination.not_after = ToWallTime(X509_get0_notAfter(leaf.get()));
  examination.is_self_signed = X509_self_signed(leaf.get(), 0) == 1;
  examination.distrust = DistrustOf(leaf.get(), others.get());
  return examination;
}

}  // namespace relay
