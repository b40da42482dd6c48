#include "server/net/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace relay {
namespace {

using Verdict = ParsedProxyHeader::Verdict;

constexpr std::array<std::uint8_t, 12> kSignature = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                     0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr std::size_t kV2FixedBytes = 16;
constexpr std::size_t kMaxV1Bytes = 107;
constexpr std::string_view kV1Start = "PROXY ";

enum class Carrier : std::uint8_t { kStream, kDatagram };

ParsedProxyHeader Invalid() { return {Verdict::kInvalid}; }
ParsedProxyHeader NeedMore(std::size_t bytes) { return {Verdict::kNeedMore, bytes}; }

std::uint16_t ReadU16(base::Bytes octets, std::size_t at) {
  return static_cast<std::uint16_t>((octets[at] << 8) | octets[at + 1]);
}

template <std::size_t N>
std::array<std::uint8_t, N> ReadOctets(base::Bytes octets, std::size_t at) {
  std::array<std::uint8_t, N> out;
  std::copy_n(octets.begin() + static_cast<std::ptrdiff_t>(at), N, out.begin());
  return out;
}

bool BeginsLike(base::Bytes octets, base::Bytes start) {
  const std::size_t common = std::min(octets.size(), start.size());
  return std::equal(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(common),
                    start.begin());
}

ParsedProxyHeader ParseV2(base::Bytes octets, Carrier carrier) {
  constexpr std::uint8_t kLocal = 0x20;
  constexpr std::uint8_t kProxy = 0x21;
  constexpr std::uint8_t kInet = 0x1;
  constexpr std::uint8_t kInet6 = 0x2;

  if (octets.size() < kV2FixedBytes) return NeedMore(kV2FixedBytes);
  const std::uint8_t command = octets[12];
  if (command != kLocal && command != kProxy) return Invalid();
  const std::size_t rest_bytes = ReadU16(octets, 14);
  const std::size_t header_bytes = kV2FixedBytes + rest_bytes;
  if (header_bytes > kMaxProxyHeaderBytes) return Invalid();
  if (octets.size() < header_bytes) return NeedMore(header_bytes);

  ParsedProxyHeader parsed{Verdict::kComplete, header_bytes};
  if (command == kLocal) return parsed;
  const std::uint8_t family = octets[13] >> 4;
  const std::uint8_t protocol = octets[13] & 0x0f;
  if (family != kInet && family != kInet6) return parsed;
  if (protocol != (carrier == Carrier::kStream ? 0x1 : 0x2)) return Invalid();
  const std::size_t address_bytes = family == kInet ? 4 : 16;
  if (rest_bytes < 2 * address_bytes + 4) return Invalid();
  ProxyHeader::Addresses addresses;
  if (family == kInet) {
    addresses.client.address = base::IpAddress::FromV4(ReadOctets<4>(octets, 16));
    addresses.server.address = base::IpAddress::FromV4(ReadOctets<4>(octets, 20));
  } else {
    addresses.client.address = base::IpAddress::FromV6(ReadOctets<16>(octets, 16));
    addresses.server.address = base::IpAddress::FromV6(ReadOctets<16>(octets, 32));
  }
  addresses.client.port = ReadU16(octets, 16 + 2 * address_bytes);
  addresses.server.port = ReadU16(octets, 18 + 2 * address_bytes);
  parsed.header.addresses = addresses;
  return parsed;
}

// The next word of a line in which single blanks separate words.
std::optional<std::string_view> TakeWord(std::string_view& line) {
  if (line.empty()) return std::nullopt;
  const std::size_t end = line.find(' ');
  const std::string_view word = line.substr(0, end);
  line = end == std::string_view::npos ? std::string_view() : line.substr(end + 1);
  if (word.empty()) return std::nullopt;
  return word;
}

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool has_leading_zero = text.size() > 1 && text[0] == '0';
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || has_leading_zero)
    return std::nullopt;
  return port;
}

// "TCP4 192.0.2.1 198.51.100.10 56324 443": what follows "PROXY ".
std::optional<ProxyHeader> ParseV1Line(std::string_view line) {
  if (line.ends_with(' ')) return std::nullopt;
  const auto family = TakeWord(line);
  if (family == "UNKNOWN") return ProxyHeader{};
  if (family != "TCP4" && family != "TCP6") return std::nullopt;
  ProxyHeader::Addresses addresses;
  for (base::Endpoint* endpoint : {&addresses.client, &addresses.server}) {
    const auto word = TakeWord(line);
    const auto address = word ? base::IpAddress::Parse(*word) : std::nullopt;
    const bool is_v6_spelling = word && word->find(':') != std::string_view::npos;
    if (!address || is_v6_spelling != (family == "TCP6")) return std::nullopt;
    endpoint->address = *address;
  }
  for (base::Endpoint* endpoint : {&addresses.client, &addresses.server}) {
    const auto word = TakeWord(line);
    const auto port = word ? ParsePort(*word) : std::nullopt;
    if (!port) return std::nullopt;
    endpoint->port = *port;
  }
  if (!line.empty()) return std::nullopt;
  return ProxyHeader{addresses};
}

ParsedProxyHeader ParseV1(base::Bytes octets) {
  const std::string_view text = base::AsText(octets.first(std::min(octets.size(), kMaxV1Bytes)));
  const std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) {
    if (text.substr(0, text.size() - 1).find_first_of("\r\n") != std::string_view::npos ||
        text.ends_with('\n'))
      return Invalid();
    return octets.size() < kMaxV1Bytes ? NeedMore(octets.size() + 1) : Invalid();
  }
  const std::string_view line = text.substr(0, end);
  if (line.size() < kV1Start.size() || line.find_first_of("\r\n") != std::string_view::npos)
    return Invalid();
  const auto header = ParseV1Line(line.substr(kV1Start.size()));
  if (!header) return Invalid();
  return {Verdict::kComplete, end + 2, *header};
}

}  // namespace

ParsedProxyHeader ParseProxyHeader(base::Bytes octets) {
  if (octets.empty()) return NeedMore(1);
  if (BeginsLike(octets, kSignature)) return ParseV2(octets, Carrier::kStream);
  if (BeginsLike(octets, base::AsBytes(kV1Start))) return ParseV1(octets);
  return Invalid();
}

ParsedProxyHeader ParseDatagramProxyHeader(base::Bytes datagram) {
  if (datagram.size() < kV2FixedBytes || !BeginsLike(datagram, kSignature)) return Invalid();
  const ParsedProxyHeader parsed = ParseV2(datagram, Carrier::kDatagram);
  return parsed.verdict == Verdict::kNeedMore ? Invalid() : parsed;
}

}  // namespace relay
