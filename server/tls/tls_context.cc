#include "server/tls/tls_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/tls1.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/base/crypto.h"
#include "server/tls/datagram_port.h"
#include "server/tls/openssl_handles.h"

namespace relay {
namespace {

// For TLS 1.2 and DTLS 1.2, best first; RFC 8489 section 6.2.3 demands the second and the last.
constexpr const char* kSuites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "DHE-RSA-AES128-GCM-SHA256";
constexpr const char* kTls13Suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr int kSecurityLevel = 2;  // 112 bits: no RSA or DH below 2048, no SHA-1 signatures
constexpr std::string_view kSessionScope = "senso-turn";

// Best first (RFC 7443 section 3, RFC 7301 section 6).
constexpr std::string_view kTurnProtocols[] = {"stun.turn", "stun.nat-discovery"};
constexpr std::string_view kTurnAndHttpProtocols[] = {"stun.turn", "stun.nat-discovery",
                                                      "http/1.1"};

// OpenSSL's slot for a pointer of the application: for a context its Parts, for a session anything
// if it speaks HTTP.
constexpr int kAppData = 0;

// The name in the client's list, each with its length in front (RFC 7301 section 3.1), with that
// length; empty: not in it.
base::Bytes FindProtocol(base::Bytes offers, std::string_view protocol) {
  while (!offers.empty() && offers.size() > offers[0]) {
    const base::Bytes offer = offers.first(std::size_t{1} + offers[0]);
    if (base::AsText(offer.subspan(1)) == protocol) return offer;
    offers = offers.subspan(offer.size());
  }
  return {};
}

int SelectProtocol(SSL* session, const unsigned char** chosen, unsigned char* chosen_size,
                   const unsigned char* offers, unsigned size, void* /*unused*/) {
  const bool is_http_spoken = SSL_get_ex_data(session, kAppData) != nullptr;
  const std::span<const std::string_view> known =
      is_http_spoken ? std::span<const std::string_view>(kTurnAndHttpProtocols)
                     : std::span<const std::string_view>(kTurnProtocols);
  for (const std::string_view protocol : known) {
    const base::Bytes found = FindProtocol({offers, size}, protocol);
    if (found.empty()) continue;
    *chosen = found.data() + 1;
    *chosen_size = found[0];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

bool EqualIgnoringCase(std::string_view left, std::string_view right) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(left, right, {}, lower, lower);
}

bool HasName(const Certificate& certificate, std::string_view name) {
  return std::ranges::any_of(
      certificate.names(), [name](const std::string& own) { return EqualIgnoringCase(own, name); });
}

using Certificates = std::vector<const Certificate*>;

template <typename Condition>
Certificates Those(const std::vector<Certificate>& all, Condition condition) {
  Certificates those;
  for (const Certificate& certificate : all) {
    if (condition(certificate)) those.push_back(&certificate);
  }
  return those;
}

// In the order of the configuration; empty: none is for this name.
Certificates CertificatesFor(const std::vector<Certificate>& all, std::string_view name) {
  Certificates exact = Those(all, [name](const Certificate& certificate) {
    return HasName(certificate, name) && certificate.Matches(name);
  });
  if (!exact.empty()) return exact;
  return Those(all, [name](const Certificate& certificate) { return certificate.Matches(name); });
}

Certificates DefaultCertificates(const std::vector<Certificate>& all) {
  const Certificate* const first = &all.front();
  if (first->names().empty()) return {first};
  const std::string& name = first->names().front();
  return Those(all, [first, &name](const Certificate& certificate) {
    return &certificate == first || HasName(certificate, name) || certificate.Matches(name);
  });
}

std::string_view RequestedName(const SSL* session) {
  const char* const name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : std::string_view();
}

}  // namespace

struct TlsContext::Parts {
  std::vector<Certificate> certificates;
  TicketKeys ticket_keys;
  SslContextHandle stream;
  SslContextHandle datagram;

  ~Parts() {
    Wipe(ticket_keys.current);
    if (ticket_keys.previous) Wipe(*ticket_keys.previous);
  }

  static void Wipe(TicketKey& key) {
    base::WipeMemory(key.encryption);
    base::WipeMemory(key.integrity);
  }

  static const Parts& Of(const SSL* session) {
    return *static_cast<const Parts*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), kAppData));
  }

  // Certificates of several key types may stand side by side for one name; OpenSSL takes the one
  // that the client can check.
  static int ChooseCertificates(SSL* session, void* /*unused*/) {
    const std::vector<Certificate>& all = Of(session).certificates;
    Certificates chosen = CertificatesFor(all, RequestedName(session));
    if (chosen.empty()) chosen = DefaultCertificates(all);
    // The last of each key type stays, and the first configured shall.
    bool is_any_usable = false;
    for (const Certificate* certificate : chosen | std::views::reverse) {
      is_any_usable = certificate->UseIn(session) || is_any_usable;
    }
    return is_any_usable ? 1 : 0;
  }

  // RFC 6066 section 3: the client is told whether its name was of use. Never an alert.
  static int AcknowledgeName(SSL* session, int* /*alert*/, void* /*unused*/) {
    return CertificatesFor(Of(session).certificates, RequestedName(session)).empty()
               ? SSL_TLSEXT_ERR_NOACK
               : SSL_TLSEXT_ERR_OK;
  }

  static bool PrepareCiphers(const TicketKey& key, const unsigned char* iv, bool is_sealing,
                             EVP_CIPHER_CTX* encryption, EVP_MAC_CTX* integrity) {
    std::array<std::uint8_t, 32> mac_key = key.integrity;  // OpenSSL's parameters are not const
    std::string digest = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key.data(), mac_key.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    const bool is_ready = EVP_MAC_CTX_set_params(integrity, parameters) == 1 &&
                          EVP_CipherInit_ex(encryption, EVP_aes_256_cbc(), nullptr,
                                            key.encryption.data(), iv, is_sealing ? 1 : 0) == 1;
    base::WipeMemory(mac_key);
    return is_ready;
  }

  // Returns what SSL_CTX_set_tlsext_ticket_key_evp_cb wants: -1 failed, 0 unknown key (a full
  // handshake follows), 1 ready, 2 ready, and the client shall have a new ticket.
  static int UseTicketKey(SSL* session, unsigned char* name, unsigned char* iv,
                          EVP_CIPHER_CTX* encryption, EVP_MAC_CTX* integrity, int is_sealing) {
    const TicketKeys& keys = Of(session).ticket_keys;
    if (is_sealing != 0) {
      if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
      std::copy(keys.current.name.begin(), keys.current.name.end(), name);
      return PrepareCiphers(keys.current, iv, true, encryption, integrity) ? 1 : -1;
    }
    const auto is_named = [name](const TicketKey& key) {
      return std::equal(key.name.begin(), key.name.end(), name);
    };
    const bool is_current = is_named(keys.current);
    if (!is_current && !(keys.previous && is_named(*keys.previous))) return 0;
    const TicketKey& key = is_current ? keys.current : *keys.previous;
    if (!PrepareCiphers(key, iv, false, encryption, integrity)) return -1;
    // A ticket of TLS 1.3 is good for one connection only (RFC 8446 appendix C.4).
    return is_current && SSL_version(session) != TLS1_3_VERSION ? 1 : 2;
  }

  // What TLS and DTLS have in common.
  SslContextHandle MakeContext(const SSL_METHOD* method) {
    SslContextHandle made(SSL_CTX_new(method));
    SSL_CTX* const context = made.get();
    if (context == nullptr || SSL_CTX_set_ex_data(context, kAppData, this) != 1) return nullptr;
    SSL_CTX_set_security_level(context, kSecurityLevel);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_cert_cb(context, ChooseCertificates, nullptr);
    SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                          reinterpret_cast<void (*)()>(AcknowledgeName));
    SSL_CTX_set_alpn_select_cb(context, SelectProtocol, nullptr);
    const bool is_ready =
        SSL_CTX_set_cipher_list(context, kSuites) == 1 &&
        SSL_CTX_set1_groups_list(context, kGroups) == 1 && SSL_CTX_set_dh_auto(context, 1) == 1 &&
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context, UseTicketKey) == 1 &&
        SSL_CTX_set_session_id_context(context, base::AsBytes(kSessionScope).data(),
                                       static_cast<unsigned>(kSessionScope.size())) == 1;
    return is_ready ? std::move(made) : nullptr;
  }

  bool MakeStreamContext() {
    stream = MakeContext(TLS_server_method());
    return stream != nullptr && SSL_CTX_set_min_proto_version(stream.get(), TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(stream.get(), TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(stream.get(), kTls13Suites) == 1 &&
           SSL_CTX_set_num_tickets(stream.get(), 1) == 1 &&
           SSL_CTX_set_max_early_data(stream.get(), 0) == 1;
  }

  bool MakeDatagramContext() {
    datagram = MakeContext(DTLS_server_method());
    if (datagram == nullptr) return false;
    SSL_CTX_set_options(datagram.get(), SSL_OP_COOKIE_EXCHANGE | SSL_OP_NO_QUERY_MTU);
    SSL_CTX_set_cookie_generate_cb(datagram.get(), DatagramPort::GenerateCookie);
    SSL_CTX_set_cookie_verify_cb(datagram.get(), DatagramPort::VerifyCookie);
    return SSL_CTX_set_min_proto_version(datagram.get(), DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(datagram.get(), DTLS1_2_VERSION) == 1;
  }
};

TlsContext::TlsContext(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

TlsContext::~TlsContext() = default;

base::Result<std::shared_ptr<const TlsContext>> TlsContext::Create(
    std::vector<Certificate> certificates, const TicketKeys& ticket_keys) {
  if (certificates.empty()) return base::Error{"TLS needs a certificate, and none is configured"};
  auto parts = std::make_unique<Parts>();
  parts->certificates = std::move(certificates);
  parts->ticket_keys = ticket_keys;
  ERR_clear_error();
  if (!parts->MakeStreamContext() || !parts->MakeDatagramContext()) {
    return base::Error{"TLS cannot be set up: " + TakeErrorReason()};
  }
  std::shared_ptr<const TlsContext> context(new TlsContext(std::move(parts)));
  // What OpenSSL refuses, it shall refuse now and not to a client.
  for (const Certificate& certificate : context->certificates()) {
    const SslHandle trial(context->NewSession(Protocol::kTurn));
    ERR_clear_error();
    if (trial == nullptr || !certificate.UseIn(trial.get())) {
      return base::Error{"'" + certificate.path() + "' cannot be used: " + TakeErrorReason()};
    }
  }
  return context;
}

const std::vector<Certificate>& TlsContext::certificates() const { return parts_->certificates; }

ssl_st* TlsContext::NewSession(Protocol protocol) const {
  const bool is_datagram = protocol == Protocol::kDatagram;
  SslHandle session(SSL_new(is_datagram ? parts_->datagram.get() : parts_->stream.get()));
  if (session == nullptr) return nullptr;
  if (is_datagram) SSL_set_mtu(session.get(), DatagramPort::kHandshakeDatagramBytes);
  if (protocol == Protocol::kTurnAndHttp &&
      SSL_set_ex_data(session.get(), kAppData, parts_.get()) != 1) {
    return nullptr;
  }
  SSL_set_accept_state(session.get());
  return session.release();
}

}  // namespace relay
