#include "server/doctor/host_facts.h"

#include <sys/resource.h>

#include <charconv>
#include <fstream>
#include <string_view>

namespace relay {
namespace {

std::optional<std::uint64_t> ToNumber(std::string_view text, int base = 10) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (problem != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

std::string_view WithoutLeadingBlanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

// What follows `name` on its line; empty: there is no such line.
std::string ReadField(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with(name))
      return std::string(WithoutLeadingBlanks(std::string_view(line).substr(name.size())));
  }
  return "";
}

std::uint64_t OwnHardLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) return UINT64_MAX;
  return limit.rlim_max;
}

std::uint64_t OpenFilesOf(const std::string& process) {
  // "Max open files            1024                 524288               files"
  const std::string limits = ReadField(process + "/limits", "Max open files");
  if (limits.starts_with("unlimited")) return UINT64_MAX;
  return ToNumber(limits).value_or(OwnHardLimit());
}

}  // namespace

std::string ReadFirstLineOf(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

HostFacts ReadHostFacts(const std::string& proc, std::optional<std::int32_t> server) {
  const auto number = [&](const char* name) {
    return ToNumber(ReadFirstLineOf(proc + "/sys/net/" + name));
  };
  const std::string process = proc + "/" + (server ? std::to_string(*server) : "self");
  HostFacts facts;
  facts.local_port_range = ReadFirstLineOf(proc + "/sys/net/ipv4/ip_local_port_range");
  facts.local_reserved_ports = ReadFirstLineOf(proc + "/sys/net/ipv4/ip_local_reserved_ports");
  facts.conntrack_count = number("netfilter/nf_conntrack_count");
  facts.conntrack_max = number("netfilter/nf_conntrack_max");
  facts.receive_buffer_max_bytes = number("core/rmem_max");
  facts.send_buffer_max_bytes = number("core/wmem_max");
  facts.capabilities = ToNumber(ReadField(process + "/status", "CapEff:"), 16).value_or(0);
  facts.open_files = server ? OpenFilesOf(process) : OwnHardLimit();
  return facts;
}

}  // namespace relay
