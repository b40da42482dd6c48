#include "server/fleet/node_text.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "protocol/base/ip_address.h"

namespace relay {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxNameOctets = 253;
constexpr std::size_t kMaxUrlOctets = 512;
constexpr std::size_t kMaxUrls = 16;
constexpr std::size_t kMaxAddresses = 32;
constexpr std::size_t kMaxRegionOctets = 64;
constexpr std::uint64_t kMaxCount = UINT32_MAX;

bool IsPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](char each) { return each > ' ' && each < 0x7f; });
}

bool IsUrl(std::string_view text) {
  constexpr std::array<std::string_view, 4> kSchemes{"stun:", "stuns:", "turn:", "turns:"};
  return text.size() <= kMaxUrlOctets && IsPrintable(text) &&
         std::ranges::any_of(kSchemes, [&](std::string_view scheme) {
           return text.starts_with(scheme) && text.size() > scheme.size();
         });
}

bool IsAddress(std::string_view text) { return base::IpAddress::Parse(text).has_value(); }

bool IsRegion(std::string_view text) {
  return text.size() <= kMaxRegionOctets && IsPrintable(text);
}

json::array ToArray(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& each : texts) array.emplace_back(each);
  return array;
}

// Each false: what is there is of another kind, or not to be had.
bool ReadText(const json::object& object, std::string_view key, bool (*is_right)(std::string_view),
              std::string& out) {
  const json::value* const value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return false;
  out = json::value_to<std::string>(*value);
  return is_right(out);
}

bool ReadTexts(const json::object& object, std::string_view key, std::size_t most,
               bool (*is_right)(std::string_view), std::vector<std::string>& out) {
  const json::value* const value = object.if_contains(key);
  if (value == nullptr || !value->is_array() || value->get_array().size() > most) return false;
  for (const json::value& each : value->get_array()) {
    if (!each.is_string()) return false;
    out.push_back(json::value_to<std::string>(each));
    if (!is_right(out.back())) return false;
  }
  return true;
}

bool ReadNumber(const json::object& object, std::string_view key, std::uint64_t most,
                std::uint64_t& out) {
  const json::value* const value = object.if_contains(key);
  if (value == nullptr) return false;
  if (value->is_uint64()) {
    out = value->get_uint64();
  } else if (value->is_int64() && value->get_int64() >= 0) {
    out = static_cast<std::uint64_t>(value->get_int64());
  } else {
    return false;
  }
  return out <= most;
}

bool ReadCount(const json::object& object, std::string_view key, std::uint32_t& out) {
  std::uint64_t wide = 0;
  if (!ReadNumber(object, key, kMaxCount, wide)) return false;
  out = static_cast<std::uint32_t>(wide);
  return true;
}

bool ReadFlag(const json::object& object, std::string_view key, bool& out) {
  const json::value* const value = object.if_contains(key);
  if (value == nullptr || !value->is_bool()) return false;
  out = value->get_bool();
  return true;
}

}  // namespace

bool IsNodeName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameOctets && std::ranges::all_of(name, [](char each) {
    return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
           (each >= '0' && each <= '9') ||
           std::string_view(".-:[]_").find(each) != std::string_view::npos;
  });
}

std::string WriteNode(const FleetNode& node, std::uint64_t beat) {
  return json::serialize(json::object{{"name", node.name},
                                      {"region", node.region},
                                      {"stun_urls", ToArray(node.stun_urls)},
                                      {"turn_urls", ToArray(node.turn_urls)},
                                      {"addresses", ToArray(node.addresses)},
                                      {"allocations", node.allocations},
                                      {"allocations_limit", node.allocations_limit},
                                      {"free_ports", node.free_ports},
                                      {"draining", node.is_draining},
                                      {"ready", node.is_ready},
                                      {"beat", beat}});
}

std::optional<AnnouncedNode> ReadNode(std::string_view text) {
  if (text.size() > kMaxNodeTextOctets) return std::nullopt;
  json::error_code error;
  const json::value value = json::parse({text.data(), text.size()}, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::object& object = value.get_object();
  AnnouncedNode read;
  FleetNode& node = read.node;
  const bool is_whole = ReadText(object, "name", IsNodeName, node.name) &&
                        ReadText(object, "region", IsRegion, node.region) &&
                        ReadTexts(object, "stun_urls", kMaxUrls, IsUrl, node.stun_urls) &&
                        ReadTexts(object, "turn_urls", kMaxUrls, IsUrl, node.turn_urls) &&
                        ReadTexts(object, "addresses", kMaxAddresses, IsAddress, node.addresses) &&
                        ReadCount(object, "allocations", node.allocations) &&
                        ReadCount(object, "allocations_limit", node.allocations_limit) &&
                        ReadCount(object, "free_ports", node.free_ports) &&
                        ReadFlag(object, "draining", node.is_draining) &&
                        ReadFlag(object, "ready", node.is_ready) &&
                        ReadNumber(object, "beat", UINT64_MAX, read.beat);
  if (!is_whole) return std::nullopt;
  return read;
}

}  // namespace relay
