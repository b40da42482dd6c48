#include "auth/jwk_set.h"

#include <cjose/jwk.h>
#include <cjose/jws.h>
#include <openssl/err.h>
#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "auth/compact_jws.h"
#include "auth/strict_json.h"

namespace auth {
namespace {

namespace json = boost::json;

constexpr std::ptrdiff_t kMaxExponentOctets = 8;

struct ReleaseKey {
  void operator()(cjose_jwk_t* key) const { cjose_jwk_release(key); }
};
struct ReleaseSignature {
  void operator()(cjose_jws_t* signature) const { cjose_jws_release(signature); }
};
using KeyHandle = std::unique_ptr<cjose_jwk_t, ReleaseKey>;
using SignatureHandle = std::unique_ptr<cjose_jws_t, ReleaseSignature>;

std::string_view TextOr(const json::object& object, std::string_view name,
                        std::string_view otherwise) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return otherwise;
  return value->is_string() ? std::string_view(value->as_string()) : std::string_view();
}

std::optional<KeyType> TypeOf(const json::object& entry) {
  const std::string_view type = TextOr(entry, "kty", "");
  if (type == "RSA") return KeyType::kRsa;
  if (type != "EC") return std::nullopt;
  const std::string_view curve = TextOr(entry, "crv", "");
  if (curve == "P-256") return KeyType::kP256;
  if (curve == "P-384") return KeyType::kP384;
  if (curve == "P-521") return KeyType::kP521;
  return std::nullopt;
}

// RFC 7517 sections 4.2 and 4.3.
bool IsForSignatures(const json::object& entry) {
  if (TextOr(entry, "use", "sig") != "sig") return false;
  const json::value* operations = entry.if_contains("key_ops");
  if (operations == nullptr) return true;
  const json::array* list = operations->if_array();
  return list != nullptr && std::ranges::find(*list, json::value("verify")) != list->end();
}

// Every number of the key.
bool IsEncodedWell(const json::object& entry) {
  return std::ranges::all_of(
      std::initializer_list<std::string_view>{"n", "e", "x", "y"}, [&](std::string_view name) {
        const json::value* value = entry.if_contains(name);
        return value == nullptr || (value->is_string() && IsBase64Url(value->as_string()));
      });
}

// RFC 8017 section 3.1: odd and at least 3. A longer one than 64 bits costs whoever verifies more
// than it is worth, and nobody uses one.
bool HasSoundExponent(const json::object& entry) {
  const auto octets = DecodeBase64Url(TextOr(entry, "e", ""));
  if (!octets) return false;
  const auto first = std::ranges::find_if(*octets, [](std::uint8_t octet) { return octet != 0; });
  const auto length = octets->end() - first;
  if (length < 1 || length > kMaxExponentOctets) return false;
  return octets->back() % 2 == 1 && (length > 1 || *first >= 3);
}

bool HasPrivatePart(const json::object& entry) {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"d", "p", "q", "dp", "dq", "qi", "k", "oth"},
      [&](std::string_view name) { return entry.contains(name); });
}

}  // namespace

struct JwkSet::Key {
  std::optional<std::string> kid;
  KeyType type;
  std::optional<SignatureAlgorithm> algorithm;  // the only one that it is for
  KeyHandle handle;

  bool IsFor(SignatureAlgorithm wanted) const {
    return KeyTypeOf(wanted) == type && (!algorithm || *algorithm == wanted);
  }
};

JwkSet::JwkSet() = default;
JwkSet::JwkSet(JwkSet&&) noexcept = default;
JwkSet& JwkSet::operator=(JwkSet&&) noexcept = default;
JwkSet::~JwkSet() = default;

std::optional<JwkSet> JwkSet::Parse(std::string_view text) {
  if (text.size() > kMaxBytes) return std::nullopt;
  const auto document = ParseStrictObject(text);
  const json::value* list = document ? document->if_contains("keys") : nullptr;
  if (list == nullptr || !list->is_array() || list->as_array().size() > kMaxKeys)
    return std::nullopt;
  JwkSet set;
  for (const json::value& value : list->as_array()) {
    const json::object* entry = value.if_object();
    if (entry == nullptr) continue;
    const auto type = TypeOf(*entry);
    if (!type || HasPrivatePart(*entry) || !IsForSignatures(*entry) || !IsEncodedWell(*entry))
      continue;
    if (*type == KeyType::kRsa && !HasSoundExponent(*entry)) continue;
    Key key{std::nullopt, *type, std::nullopt, nullptr};
    if (const json::value* kid = entry->if_contains("kid")) {
      if (!kid->is_string()) continue;
      key.kid = std::string(kid->as_string());
    }
    if (const json::value* algorithm = entry->if_contains("alg")) {
      if (!algorithm->is_string()) continue;
      key.algorithm = ParseSignatureAlgorithm(std::string_view(algorithm->as_string()));
      if (!key.algorithm || KeyTypeOf(*key.algorithm) != *type) continue;
    }
    const std::string serialized = json::serialize(*entry);
    key.handle.reset(cjose_jwk_import(serialized.data(), serialized.size(), nullptr));
    ERR_clear_error();
    if (key.handle == nullptr) continue;
    const std::size_t bits = cjose_jwk_get_keysize(key.handle.get(), nullptr);
    if (*type == KeyType::kRsa && (bits < kMinRsaBits || bits > kMaxRsaBits)) continue;
    set.keys_.push_back(std::move(key));
  }
  return set;
}

std::size_t JwkSet::size() const { return keys_.size(); }

const JwkSet::Key* JwkSet::Find(std::optional<std::string_view> kid,
                                SignatureAlgorithm algorithm) const {
  const Key* found = nullptr;
  for (const Key& key : keys_) {
    if (!key.IsFor(algorithm)) continue;
    if (kid) {
      if (key.kid == *kid) return &key;
      continue;
    }
    if (found != nullptr) return nullptr;
    found = &key;
  }
  return found;
}

bool JwkSet::HasKeyFor(std::optional<std::string_view> kid, SignatureAlgorithm algorithm) const {
  return Find(kid, algorithm) != nullptr;
}

bool JwkSet::HasKid(std::string_view kid) const {
  return std::ranges::any_of(keys_, [&](const Key& key) { return key.kid == kid; });
}

bool JwkSet::IsSignedBy(std::optional<std::string_view> kid, SignatureAlgorithm algorithm,
                        std::string_view compact) const {
  const Key* key = Find(kid, algorithm);
  if (key == nullptr || !SplitCompactJws(compact)) return false;
  const SignatureHandle signature(cjose_jws_import(compact.data(), compact.size(), nullptr));
  if (signature == nullptr) return false;
  cjose_header_t* header = cjose_jws_get_protected(signature.get());
  const char* named =
      header == nullptr ? nullptr : cjose_header_get(header, CJOSE_HDR_ALG, nullptr);
  const bool is_signed = named != nullptr && NameOf(algorithm) == named &&
                         cjose_jws_verify(signature.get(), key->handle.get(), nullptr);
  ERR_clear_error();
  return is_signed;
}

}  // namespace auth
