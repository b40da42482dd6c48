#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

// One owner for each kind of OpenSSL's objects, and what its error queue says. Only for the sources
// of this folder; its public headers show none of it.
namespace relay {

template <auto kFree>
struct FreeBy {
  template <typename Object>
  void operator()(Object* object) const {
    kFree(object);
  }
};

struct FreeChain {
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
};

using SslHandle = std::unique_ptr<SSL, FreeBy<SSL_free>>;
using SslContextHandle = std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>>;
using BioHandle = std::unique_ptr<BIO, FreeBy<BIO_free_all>>;
using BioAddressHandle = std::unique_ptr<BIO_ADDR, FreeBy<BIO_ADDR_free>>;
using X509Handle = std::unique_ptr<X509, FreeBy<X509_free>>;
using X509ChainHandle = std::unique_ptr<STACK_OF(X509), FreeChain>;
using X509ExtensionHandle = std::unique_ptr<X509_EXTENSION, FreeBy<X509_EXTENSION_free>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;
using GeneralNameHandle = std::unique_ptr<GENERAL_NAME, FreeBy<GENERAL_NAME_free>>;
using GeneralNamesHandle = std::unique_ptr<GENERAL_NAMES, FreeBy<GENERAL_NAMES_free>>;
using Asn1IntegerHandle = std::unique_ptr<ASN1_INTEGER, FreeBy<ASN1_INTEGER_free>>;
using BigNumberHandle = std::unique_ptr<BIGNUM, FreeBy<BN_free>>;

// What a session reads from and writes to in place of a BIO of OpenSSL's: an object of ours, and
// how it is reached. Never freed: threads that outlive main may still be using it.
const BIO_METHOD* MakePortMethod(const char* name, int (*read)(BIO*, char*, int),
                                 int (*write)(BIO*, const char*, int),
                                 long (*control)(BIO*, int, long, void*));  // NOLINT: their types

// Makes `port` both ends of the session, which must not be used after it is gone; the functions of
// the method get it from BIO_get_data. False: out of memory.
bool AttachPort(SSL* session, const BIO_METHOD* method, void* port);

// Empties this thread's error queue and gives the reason of the first error in it, the one nearest
// to the cause: a few words such as "ee key too small".
std::string TakeErrorReason();

}  // namespace relay
