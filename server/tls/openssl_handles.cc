#include "server/tls/openssl_handles.h"

#include <openssl/err.h>

#include <cstring>

#include "protocol/base/check.h"

namespace relay {

const BIO_METHOD* MakePortMethod(const char* name, int (*read)(BIO*, char*, int),
                                 int (*write)(BIO*, const char*, int),
                                 long (*control)(BIO*, int, long, void*)) {  // NOLINT: their types
  BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, name);
  CHECK(made != nullptr);
  CHECK(BIO_meth_set_read(made, read) == 1);
  CHECK(BIO_meth_set_write(made, write) == 1);
  CHECK(BIO_meth_set_ctrl(made, control) == 1);
  return made;
}

bool AttachPort(SSL* session, const BIO_METHOD* method, void* port) {
  BIO* const bio = BIO_new(method);
  if (bio == nullptr) return false;
  BIO_set_data(bio, port);
  BIO_set_init(bio, 1);
  SSL_set_bio(session, bio, bio);
  return true;
}

std::string TakeErrorReason() {
  const unsigned long code = ERR_peek_error();  // NOLINT(google-runtime-int): OpenSSL's type
  ERR_clear_error();
  if (code == 0) return "no reason is given";
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

}  // namespace relay
