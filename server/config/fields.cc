#include "server/config/fields.h"

#include <limits>

#include "server/config/units.h"

namespace relay::fields {
namespace {

constexpr std::size_t kMaxQuoted = 60;

template <typename T>
Spelling<T> Integer(const std::string& type, T min, T max, const std::string& accepted) {
  Spelling<T> spelling;
  spelling.type = type;
  spelling.accepted = accepted;
  spelling.parse = [min, max, type](const std::string& text) -> Parsed<T> {
    const auto number = ParseNumber(text);
    if (!number) return Wrong{Quoted(text) + " is not a " + type};
    if (*number < min) return Wrong{Quoted(text) + " is too small"};
    if (*number > max) return Wrong{Quoted(text) + " is too large"};
    return static_cast<T>(*number);
  };
  spelling.print = [](const T& value) { return std::to_string(value); };
  return spelling;
}

}  // namespace

std::string Visible(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string visible;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7f) {
      visible += "\\x";
      visible += kHex[octet >> 4];
      visible += kHex[octet & 15];
    } else {
      visible += c;
    }
  }
  return visible;
}

std::string Quoted(std::string_view text) {
  return "'" + Visible(text.substr(0, kMaxQuoted)) + (text.size() > kMaxQuoted ? "...'" : "'");
}

std::string YamlText(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./_";
  const bool is_plain = !text.empty() && text.find_first_not_of(kPlain) == text.npos &&
                        text.front() != '-' && text != "null";
  if (is_plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

Spelling<bool> Boolean() { return Choice<bool>({{"true", true}, {"false", false}}); }

Spelling<std::uint16_t> Port(std::uint16_t min) {
  return Integer<std::uint16_t>("port", min, 65535, std::to_string(min) + " to 65535");
}

Spelling<std::uint32_t> Number(std::uint32_t min, std::uint32_t max) {
  return Integer<std::uint32_t>("number", min, max,
                                std::to_string(min) + " to " + std::to_string(max));
}

Spelling<std::uint32_t> Limit() {
  constexpr std::uint32_t kMax = std::numeric_limits<std::uint32_t>::max();
  return Integer<std::uint32_t>("number", 0, kMax, "0 (unlimited) or 1 to " + std::to_string(kMax));
}

Spelling<std::chrono::seconds> Duration(std::chrono::seconds min, std::chrono::seconds max) {
  Spelling<std::chrono::seconds> spelling;
  spelling.type = "duration";
  spelling.unit = "s, m, h, d";
  spelling.accepted =
      PrintDuration(min) + " to " + PrintDuration(max) + ", with a unit: 90s, 10m, 1h30m, 1d";
  spelling.parse = [min, max](const std::string& text) -> Parsed<std::chrono::seconds> {
    const auto duration = ParseDuration(text);
    if (!duration) return Wrong{Quoted(text) + " is not a duration"};
    if (*duration < min) return Wrong{Quoted(text) + " is too short"};
    if (*duration > max) return Wrong{Quoted(text) + " is too long"};
    return *duration;
  };
  spelling.print = PrintDuration;
  return spelling;
}

Spelling<std::chrono::microseconds> ShortDuration(std::chrono::microseconds max) {
  Spelling<std::chrono::microseconds> spelling;
  spelling.type = "duration";
  spelling.unit = "us, ms, s";
  spelling.accepted = "0 to " + PrintShortDuration(max) + ", with a unit: 50us, 2ms";
  spelling.parse = [max](const std::string& text) -> Parsed<std::chrono::microseconds> {
    const auto duration = ParseShortDuration(text);
    if (!duration) return Wrong{Quoted(text) + " is not a duration in us, ms or s"};
    if (*duration > max) return Wrong{Quoted(text) + " is too long"};
    return *duration;
  };
  spelling.print = PrintShortDuration;
  return spelling;
}

Spelling<std::uint64_t> BitRate() {
  Spelling<std::uint64_t> spelling;
  spelling.type = "bandwidth";
  spelling.unit = "bit, kbit, Mbit, Gbit a second";
  spelling.accepted = "0 (unlimited) or bits a second with a unit: 800kbit, 50Mbit, 1Gbit";
  spelling.parse = [](const std::string& text) -> Parsed<std::uint64_t> {
    if (const auto rate = ParseBitRate(text)) return *rate;
    return Wrong{Quoted(text) + " is not a bandwidth"};
  };
  spelling.print = PrintBitRate;
  return spelling;
}

Spelling<Config::Rate> Rate() {
  Spelling<Config::Rate> spelling;
  spelling.type = "rate";
  spelling.unit = "/s, /m, /h, /d";
  spelling.accepted = "0 (unlimited) or so many in a time: 10/s, 100/m, 1000/h";
  spelling.parse = [](const std::string& text) -> Parsed<Config::Rate> {
    if (const auto rate = ParseRate(text)) return *rate;
    return Wrong{Quoted(text) + " is not a rate"};
  };
  spelling.print = PrintRate;
  return spelling;
}

Spelling<base::IpAddress> Address() {
  Spelling<base::IpAddress> spelling;
  spelling.type = "address";
  spelling.accepted = "an IPv4 or IPv6 address, such as 192.0.2.1 or 2001:db8::1";
  spelling.parse = [](const std::string& text) -> Parsed<base::IpAddress> {
    std::string_view bare = text;
    if (bare.starts_with('[') && bare.ends_with(']')) bare = bare.substr(1, bare.size() - 2);
    const auto address = base::IpAddress::Parse(bare);
    const bool has_odd_brackets = bare.size() != text.size() && address && address->is_v4();
    if (!address || has_odd_brackets) return Wrong{Quoted(text) + " is not an IP address"};
    return *address;
  };
  spelling.print = [](const base::IpAddress& address) { return YamlText(address.ToString()); };
  return spelling;
}

Spelling<base::IpPrefix> Prefix() {
  Spelling<base::IpPrefix> spelling;
  spelling.type = "prefix";
  spelling.accepted = "an address block in CIDR notation, such as 10.0.0.0/8 or fd00::/8";
  spelling.parse = [](const std::string& text) -> Parsed<base::IpPrefix> {
    if (const auto prefix = base::IpPrefix::Parse(text)) return *prefix;
    return Wrong{Quoted(text) + " is not an address block"};
  };
  spelling.print = [](const base::IpPrefix& prefix) { return YamlText(prefix.ToString()); };
  return spelling;
}

Spelling<base::Endpoint> TransportAddress() {
  Spelling<base::Endpoint> spelling;
  spelling.type = "transport address";
  spelling.accepted = "an address with a port, such as 192.0.2.1:3478 or [2001:db8::1]:3478";
  spelling.parse = [](const std::string& text) -> Parsed<base::Endpoint> {
    const auto endpoint = base::Endpoint::Parse(text);
    if (!endpoint || endpoint->port == 0)
      return Wrong{Quoted(text) + " is not an address with a port"};
    return *endpoint;
  };
  spelling.print = [](const base::Endpoint& endpoint) { return YamlText(endpoint.ToString()); };
  return spelling;
}

Spelling<std::string> Text(std::string type, std::string accepted,
                           std::function<std::optional<std::string>(const std::string&)> is_right) {
  Spelling<std::string> spelling;
  spelling.type = std::move(type);
  spelling.accepted = std::move(accepted);
  spelling.parse = [is_right =
                        std::move(is_right)](const std::string& text) -> Parsed<std::string> {
    if (auto problem = is_right(text)) return Wrong{std::move(*problem)};
    return text;
  };
  spelling.print = [](const std::string& text) { return YamlText(text); };
  return spelling;
}

Spelling<std::string> AnyText(std::string type, std::string accepted) {
  return Text(std::move(type), std::move(accepted),
              [](const std::string&) -> std::optional<std::string> { return std::nullopt; });
}

Spelling<std::string> Secret() {
  return Unprinted(Text("secret", "text that is not empty",
                        [](const std::string& text) -> std::optional<std::string> {
                          if (text.empty()) return "is empty";
                          return std::nullopt;
                        }));
}

Spelling<std::string> Unprinted(Spelling<std::string> spelling) {
  spelling.print = [](const std::string&) { return std::string(); };
  return spelling;
}

std::string Plural(const std::string& noun) {
  if (noun.ends_with('s') || noun.ends_with('x')) return noun + "es";
  if (noun.ends_with('y')) return noun.substr(0, noun.size() - 1) + "ies";
  return noun + "s";
}

std::optional<std::string> TakeScalar(const Value& value, std::string suffix,
                                      std::vector<Row::Problem>& problems) {
  if (value.kind == Value::Kind::kScalar) return value.scalar;
  if (value.kind == Value::Kind::kNull) {
    problems.push_back({std::move(suffix), value.position, "has no value"});
    return std::nullopt;
  }
  problems.push_back({std::move(suffix), value.position,
                      "is " + std::string(KindName(value.kind)) + " instead of a single value"});
  return std::nullopt;
}

Row ListOfMaps(std::string path, std::string type, std::string doc,
               std::function<void(Draft&)> begin, std::function<void(Draft&)> append,
               std::string default_text) {
  Row row;
  row.path = std::move(path);
  row.shape = Row::Shape::kListOfMaps;
  row.type = std::move(type);
  row.accepted = "a list of maps with the keys below";
  row.doc = std::move(doc);
  row.parse = [begin = std::move(begin)](Draft& draft, const Value& value) {
    std::vector<Row::Problem> problems;
    if (value.kind != Value::Kind::kList && value.kind != Value::Kind::kNull) {
      problems.push_back(
          {"", value.position, "is " + std::string(KindName(value.kind)) + " instead of a list"});
    } else {
      begin(draft);
    }
    return problems;
  };
  row.append = std::move(append);
  row.print = [default_text = std::move(default_text)](const Draft&) { return default_text; };
  return row;
}

Row NeedsRestart(Row row) {
  row.reload = Row::Reload::kNeedsRestart;
  return row;
}

Row Required(Row row) {
  row.is_required = true;
  return row;
}

}  // namespace relay::fields
