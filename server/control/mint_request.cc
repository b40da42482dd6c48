#include "server/control/mint_request.h"

#include <boost/json.hpp>

namespace relay {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxTextOctets = 64;

// nullopt: it is of another type, or too long. A member that is not there is an empty text.
std::optional<std::string> TakeText(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains({name.data(), name.size()});
  if (value == nullptr) return std::string();
  const json::string* const text = value->if_string();
  if (text == nullptr || text->empty() || text->size() > kMaxTextOctets) return std::nullopt;
  return std::string(text->data(), text->size());
}

BadBody NoText(const std::string& name) {
  return {"'" + name + "' is not a text of 1 to " + std::to_string(kMaxTextOctets) + " octets"};
}

}  // namespace

std::variant<MintRequest, BadBody> ParseMintRequest(std::string_view body) {
  MintRequest request;
  if (body.empty()) return request;
  json::error_code error;
  const json::value document = json::parse({body.data(), body.size()}, error);
  const json::object* const object = error ? nullptr : document.if_object();
  if (object == nullptr) return BadBody{"the body is not a JSON object"};

  if (const json::value* const ttl = object->if_contains("ttl")) {
    const std::int64_t* const seconds = ttl->if_int64();
    if (seconds == nullptr || *seconds < 1 || *seconds > UINT32_MAX) {
      return BadBody{"'ttl' is not a positive number of whole seconds"};
    }
    request.ttl = std::chrono::seconds(*seconds);
  }
  const auto region = TakeText(*object, "region");
  if (!region) return NoText("region");
  const auto preferred = TakeText(*object, "preferred_region");
  if (!preferred) return NoText("preferred_region");
  request.region = {region->empty() ? *preferred : *region, !region->empty()};
  const auto identifier = TakeText(*object, "custom_identifier");
  if (!identifier) return NoText("custom_identifier");
  request.custom_identifier = *identifier;
  if (object->contains("ice_transport_policy")) {
    const auto policy = TakeText(*object, "ice_transport_policy");
    if (policy != "all" && policy != "relay") {
      return BadBody{"'ice_transport_policy' is neither \"all\" nor \"relay\""};
    }
    request.ice_transport_policy = *policy;
  }
  return request;
}

}  // namespace relay
