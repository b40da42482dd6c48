#include "server/config/text_rules.h"

#include <sys/un.h>

#include <algorithm>

#include "auth/opaque_string.h"
#include "protocol/base/crypto.h"
#include "server/config/registry.h"

namespace relay {
namespace {

using fields::Quoted;
using Judgement = std::optional<std::string>;

constexpr std::string_view kAlphanumeric =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool HasOnly(std::string_view text, std::string_view also) {
  return std::ranges::all_of(text, [&](char c) {
    return kAlphanumeric.find(c) != kAlphanumeric.npos || also.find(c) != also.npos;
  });
}

bool HasControls(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// Characters, for text that is valid UTF-8.
std::size_t CountCharacters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

fields::Spelling<std::string> Realm() {
  return fields::Text(
      "realm", "1 to 127 characters without quotation marks, backslashes and control characters",
      [](const std::string& text) -> Judgement {
        if (text.empty()) return "is empty";
        if (!auth::IsValidUtf8(text)) return Quoted(text) + " is not valid UTF-8";
        if (CountCharacters(text) > 127) return Quoted(text) + " is too long";
        if (HasControls(text) || text.find_first_of("\"\\") != text.npos) {
          return Quoted(text) + " has a character that a realm cannot have";
        }
        return std::nullopt;
      });
}

fields::Spelling<std::string> HostName() {
  return fields::Text(
      "host name", "a DNS name or an IP address", [](const std::string& text) -> Judgement {
        if (text.size() > 253 || text.starts_with('.') || text.starts_with('-')) {
          return Quoted(text) + " is not a host name";
        }
        const bool is_right = HasOnly(text, "-.") || base::IpAddress::Parse(text).has_value();
        if (!is_right) return Quoted(text) + " is not a host name";
        return std::nullopt;
      });
}

fields::Spelling<std::string> DnsName() {
  fields::Spelling<std::string> spelling = HostName();
  spelling.type = "DNS name";
  spelling.accepted = "a DNS name, or empty";
  spelling.parse = [parse =
                        spelling.parse](const std::string& text) -> fields::Parsed<std::string> {
    if (base::IpAddress::Parse(text)) return fields::Wrong{Quoted(text) + " is not a DNS name"};
    return parse(text);
  };
  return spelling;
}

fields::Spelling<std::string> Path() {
  return fields::Text("path", "a path", [](const std::string& text) -> Judgement {
    if (text.empty()) return "is empty";
    if (text.find('\0') != text.npos) return Quoted(text) + " is not a path";
    return std::nullopt;
  });
}

fields::Spelling<std::string> SocketPath() {
  constexpr std::size_t kMax = sizeof(sockaddr_un{}.sun_path) - 1;
  return fields::Text("path", "an absolute path of up to " + std::to_string(kMax) + " octets",
                      [](const std::string& text) -> Judgement {
                        if (!text.starts_with('/') || text.find('\0') != text.npos) {
                          return Quoted(text) + " is not an absolute path";
                        }
                        if (text.size() > kMax) return Quoted(text) + " is too long";
                        return std::nullopt;
                      });
}

fields::Spelling<std::string> HttpsUrl() {
  return fields::Unprinted(fields::Text(
      "URL", "a URL that begins with https://", [](const std::string& text) -> Judgement {
        const std::string_view host =
            std::string_view(text).substr(text.starts_with("https://") ? 8 : text.size());
        if (host.empty() || host.starts_with('/') || HasControls(text) ||
            text.find(' ') != text.npos) {
          return Quoted(text) + " is not such a URL";
        }
        return std::nullopt;
      }));
}

fields::Spelling<std::string> Origin() {
  return fields::Text(
      "origin", "scheme://host or scheme://host:port, without a path",
      [](const std::string& text) -> Judgement {
        const std::size_t end = text.find("://");
        const bool has_scheme = text.starts_with("https://") || text.starts_with("http://");
        if (!has_scheme || text.size() == end + 3 || !HasOnly(text.substr(end + 3), "-.:[]")) {
          return Quoted(text) + " is not an origin";
        }
        return std::nullopt;
      });
}

fields::Spelling<std::string> Registry() {
  return fields::Text("registry", "memory, redis://user@host:port/number or unix:/path",
                      [](const std::string& text) -> Judgement {
                        if (text == "memory") return std::nullopt;
                        const auto url = ParseRegistryUrl(text);
                        if (HasControls(text)) return Quoted(text) + " is not a registry";
                        if (url.ok()) return std::nullopt;
                        return Quoted(text) + " " + url.error().message;
                      });
}

fields::Spelling<std::string> Label(const std::string& type) {
  return fields::Text(type, "1 to 64 letters, digits, '-' and '_'",
                      [type](const std::string& text) -> Judgement {
                        if (text.empty()) return "is empty";
                        if (text.size() > 64 || !HasOnly(text, "-_")) {
                          return Quoted(text) + " is not a " + type;
                        }
                        return std::nullopt;
                      });
}

fields::Spelling<std::string> PrintableText(const std::string& type, std::size_t min_octets,
                                            std::size_t max_octets) {
  const std::string range = min_octets == 0 ? "up to " : std::to_string(min_octets) + " to ";
  return fields::Text(
      type, range + std::to_string(max_octets) + " printable ASCII characters without spaces",
      [type, min_octets, max_octets](const std::string& text) -> Judgement {
        const bool is_printable = std::ranges::all_of(
            text, [](char character) { return character > ' ' && character < 0x7f; });
        if (!is_printable || text.size() < min_octets || text.size() > max_octets) {
          return Quoted(text) + " is not a " + type;
        }
        return std::nullopt;
      });
}

fields::Spelling<std::string> LabelOrNothing(const std::string& type) {
  auto label = Label(type);
  return fields::Text(type, "up to 64 letters, digits, '-' and '_'",
                      [parse = label.parse](const std::string& text) -> Judgement {
                        if (text.empty()) return std::nullopt;
                        auto parsed = parse(text);
                        if (auto* wrong = std::get_if<fields::Wrong>(&parsed))
                          return std::move(wrong->text);
                        return std::nullopt;
                      });
}

fields::Spelling<std::string> OpaqueText(const std::string& type) {
  return fields::Unprinted(fields::Text(type,
                                        "UTF-8 text that is not empty, without control characters",
                                        [](const std::string& text) -> Judgement {
                                          const auto prepared = auth::PrepareOpaqueString(text);
                                          if (!prepared.ok()) return prepared.error().message;
                                          return std::nullopt;
                                        }));
}

fields::Spelling<std::string> Base64Secret() {
  return fields::Unprinted(
      fields::Text("base64", "base64 of 16 or 32 octets", [](const std::string& text) -> Judgement {
        const auto octets = base::Base64Decode(text);
        if (!octets || (octets->size() != 16 && octets->size() != 32)) {
          return "is not base64 of such a key";
        }
        return std::nullopt;
      }));
}

}  // namespace relay
