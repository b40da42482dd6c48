#include "server/migrate/values.h"

#include "server/config/fields.h"
#include "server/config/units.h"

namespace relay {

using fields::Quoted;

std::string_view WithoutComment(std::string_view value) {
  for (std::size_t at = value.find('#'); at != value.npos; at = value.find('#', at + 1)) {
    if (at == 0 || value[at - 1] == ' ' || value[at - 1] == '\t') {
      const std::size_t last = value.find_last_not_of(" \t", at == 0 ? 0 : at - 1);
      return at == 0 || last == value.npos ? std::string_view() : value.substr(0, last + 1);
    }
  }
  return value;
}

std::optional<bool> ReadFlag(const ConfEntry& entry, Findings& findings) {
  const std::string_view value = WithoutComment(entry.value);
  if (value.empty()) return true;
  switch (value[0] | 0x20) {  // digits have that bit, too
    case '1':
    case 'y':
    case 't':
      return true;
    case '0':
    case 'n':
    case 'f':
      return false;
    case 'o':
      return value.size() > 1 && (value[1] | 0x20) == 'n';
    default:
      findings.Fail(entry, Quoted(value) +
                               " is neither yes nor no; accepted: 1, on, yes, true, t, "
                               "0, off, no, false, f, or no value at all");
      return std::nullopt;
  }
}

std::optional<std::uint64_t> ReadNumber(const ConfEntry& entry, Findings& findings) {
  const auto number = ParseNumber(WithoutComment(entry.value));
  if (!number) findings.Fail(entry, Quoted(entry.value) + " is not a number");
  return number;
}

std::optional<std::uint16_t> ReadPort(const ConfEntry& entry, Findings& findings) {
  const auto number = ParseNumber(WithoutComment(entry.value));
  if (number && *number <= 65535) return static_cast<std::uint16_t>(*number);
  findings.Fail(entry, Quoted(entry.value) + " is not a port; accepted: 0 to 65535");
  return std::nullopt;
}

std::optional<base::IpAddress> ReadAddress(const ConfEntry& entry, Findings& findings) {
  const auto address = base::IpAddress::Parse(WithoutComment(entry.value));
  if (!address) findings.Fail(entry, Quoted(entry.value) + " is not an IP address");
  return address;
}

std::optional<base::Endpoint> ReadEndpoint(const ConfEntry& entry,
                                           std::optional<std::uint16_t> default_port,
                                           Findings& findings) {
  std::string_view value = WithoutComment(entry.value);
  if (const auto endpoint = base::Endpoint::Parse(value)) return endpoint;
  const bool is_bracketed = value.starts_with('[') && value.ends_with(']');
  if (is_bracketed) value = value.substr(1, value.size() - 2);
  const auto address = base::IpAddress::Parse(value);
  if (address && default_port) return base::Endpoint{*address, *default_port};
  findings.Fail(entry, Quoted(entry.value) +
                           " is not an address with a port, such as 192.0.2.1:3478 or "
                           "[2001:db8::1]:3478");
  return std::nullopt;
}

void ReadRange(const ConfEntry& entry, AddressSet& set, Findings& findings) {
  const std::string_view value = WithoutComment(entry.value);
  if (value.find('/') != value.npos) {
    if (const auto prefix = base::IpPrefix::Parse(value)) {
      set.Add(*prefix);
      findings.Note(Section::kPeers, entry,
                    Quoted(value) +
                        " is a prefix, which coturn did not understand; taken as it was "
                        "meant");
      return;
    }
  }
  const std::size_t dash = value.find('-');
  const auto first = base::IpAddress::Parse(value.substr(0, dash));
  const auto last = dash == value.npos ? first : base::IpAddress::Parse(value.substr(dash + 1));
  if (!first || !last) {
    findings.Fail(entry, Quoted(entry.value) +
                             " is neither an address nor a range of two, such as "
                             "10.0.0.0-10.255.255.255");
  } else if (first->family() != last->family() || *last < *first) {
    findings.Fail(entry, Quoted(entry.value) +
                             " is not a range: it ends before it begins, or in the other family");
  } else {
    set.Add(*first, *last);
  }
}

}  // namespace relay
