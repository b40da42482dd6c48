#include "server/control/rest_request.h"

#include <charconv>

#include "protocol/base/crypto.h"
#include "server/web/form.h"

namespace relay {
namespace {

constexpr std::size_t kMaxRestUsernameOctets = 512;

// nullptr: nobody's.
const Config::ApiKey* FindKey(const std::vector<Config::ApiKey>& api_keys,
                              const std::string& offered) {
  // Digests are of one length, and every key is compared.
  const base::Sha256Digest digest = base::Sha256({base::AsBytes(offered)});
  const Config::ApiKey* found = nullptr;
  for (const Config::ApiKey& one : api_keys) {
    if (base::ConstantTimeEqual(base::Sha256({base::AsBytes(one.key)}), digest)) found = &one;
  }
  return found;
}

}  // namespace

std::variant<RestRequest, UnknownKey, BadBody> ParseRestRequest(
    const HttpRequest& request, const std::vector<Config::ApiKey>& api_keys) {
  const std::size_t query = request.target.find('?');
  FormFields fields;
  if (query != std::string::npos)
    fields = ParseForm(std::string_view(request.target).substr(query + 1));
  if (request.method == "POST") {
    for (auto& field : ParseForm(request.body)) fields.push_back(std::move(field));
  }
  const std::string* const key = FindField(fields, "key");
  const Config::ApiKey* const known = key == nullptr ? nullptr : FindKey(api_keys, *key);
  if (known == nullptr) return UnknownKey{};

  const std::string* const service = FindField(fields, "service");
  if (service == nullptr || *service != "turn") return BadBody{"'service' is not \"turn\""};
  RestRequest out{known->tenant, {}, std::nullopt};
  if (const std::string* const username = FindField(fields, "username")) {
    if (username->size() > kMaxRestUsernameOctets) return BadBody{"'username' is too long"};
    out.username = *username;
  }
  if (const std::string* const text = FindField(fields, "ttl")) {
    std::uint32_t seconds = 0;
    const auto end = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (end.ec != std::errc() || end.ptr != text->data() + text->size() || seconds == 0) {
      return BadBody{"'ttl' is not a positive number of whole seconds"};
    }
    out.ttl = std::chrono::seconds(seconds);
  }
  return out;
}

}  // namespace relay
