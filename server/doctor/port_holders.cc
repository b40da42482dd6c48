#include "server/doctor/port_holders.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>

#include "server/doctor/host_facts.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListening = "0A";  // TCP_LISTEN

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text, int base) {
  Number number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "0100007F:0D96": words of the address in the byte order of the host, the port as a number.
std::optional<base::Endpoint> ParseHexEndpoint(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  const auto port = ParseNumber<std::uint16_t>(text.substr(colon + 1), 16);
  if (!port) return std::nullopt;
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t word = 0; word < colon / 8; ++word) {
    const auto value = ParseNumber<std::uint32_t>(text.substr(8 * word, 8), 16);
    if (!value) return std::nullopt;
    for (std::size_t i = 0; i < 4; ++i)
      octets[4 * word + i] = static_cast<std::uint8_t>(*value >> (8 * i));
  }
  if (colon == 32) return base::Endpoint{base::IpAddress::FromV6(octets), *port};
  return base::Endpoint{base::IpAddress::FromV4({octets[0], octets[1], octets[2], octets[3]}),
                        *port};
}

bool StandsInTheWay(const base::Endpoint& there, const base::Endpoint& wanted) {
  if (there.port != wanted.port) return false;
  if (there.address == wanted.address) return true;
  // "::" may stand for IPv4 as well; a listener of ours on it does not.
  const bool is_same_family = there.address.family() == wanted.address.family();
  return (there.address.is_unspecified() && (is_same_family || !there.address.is_v4())) ||
         (wanted.address.is_unspecified() && is_same_family);
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool HasOneOf(const fs::path& process, const std::vector<std::uint64_t>& inodes) {
  constexpr std::string_view kPrefix = "socket:[";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(process / "fd", ignored)) {
    const std::string target = fs::read_symlink(entry.path(), ignored).string();
    if (!target.starts_with(kPrefix)) continue;
    const std::string_view digits =
        std::string_view(target).substr(kPrefix.size(), target.size() - kPrefix.size() - 1);
    const auto inode = ParseNumber<std::uint64_t>(digits, 10);
    if (inode && std::ranges::find(inodes, *inode) != inodes.end()) return true;
  }
  return false;
}

}  // namespace

std::vector<std::uint64_t> FindSocketInodes(const std::string& table, const base::Endpoint& wanted,
                                            PortProtocol protocol) {
  std::vector<std::uint64_t> inodes;
  std::istringstream lines(table);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::vector<std::string> fields((std::istream_iterator<std::string>(words)), {});
    constexpr std::size_t kLocal = 1, kState = 3, kInode = 9;
    if (fields.size() <= kInode) continue;
    const auto local = ParseHexEndpoint(fields[kLocal]);
    const auto inode = ParseNumber<std::uint64_t>(fields[kInode], 10);
    if (!local || !inode || !StandsInTheWay(*local, wanted)) continue;
    if (protocol == PortProtocol::kTcp && fields[kState] != kListening) continue;
    inodes.push_back(*inode);
  }
  return inodes;
}

std::vector<PortHolder> FindPortHolders(const std::string& proc, const base::Endpoint& wanted,
                                        PortProtocol protocol) {
  const std::string table = proc + (protocol == PortProtocol::kUdp ? "/net/udp" : "/net/tcp");
  std::vector<std::uint64_t> inodes = FindSocketInodes(ReadWhole(table), wanted, protocol);
  const auto of_v6 = FindSocketInodes(ReadWhole(table + "6"), wanted, protocol);
  inodes.insert(inodes.end(), of_v6.begin(), of_v6.end());
  std::vector<PortHolder> holders;
  if (inodes.empty()) return holders;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(proc, ignored)) {
    const auto process = ParseNumber<std::int32_t>(entry.path().filename().string(), 10);
    if (process && HasOneOf(entry.path(), inodes))
      holders.push_back({*process, ReadFirstLineOf(entry.path().string() + "/comm")});
  }
  return holders;
}

}  // namespace relay
