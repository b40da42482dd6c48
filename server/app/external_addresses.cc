#include "server/app/external_addresses.h"

#include <chrono>
#include <string_view>

#include "protocol/base/random.h"
#include "server/log/log.h"
#include "server/probe/turn_probe.h"

namespace relay {
namespace {

constexpr std::string_view kScheme = "stun:";
constexpr std::chrono::milliseconds kPatience{3000};

base::Result<base::IpAddress> Ask(std::string_view server, const base::IpAddress& internal) {
  base::OsRandom random;
  const auto mapped = AskMappedAddress(server, internal, kPatience, random);
  if (!mapped.ok()) return mapped.error();
  const base::IpAddress& address = mapped.value().address;
  if (address.family() != internal.family() || address.is_unspecified())
    return base::Error{"it answers " + address.ToString()};
  return address;
}

}  // namespace

base::Result<base::IpAddress> AskExternalAddress(const std::string& stun_uri,
                                                 const base::IpAddress& internal) {
  std::string_view server = stun_uri;
  if (server.starts_with(kScheme)) server.remove_prefix(kScheme.size());
  auto external = Ask(server, internal);
  if (external.ok()) {
    Log(LogLevel::kInfo, "the world's name of an address",
        {{"internal", internal.ToString()}, {"external", external.value().ToString()}});
    return external;
  }
  if (internal.is_v4()) {
    return base::Error{stun_uri + " does not tell how the world sees " + internal.ToString() +
                       ": " + external.error().message};
  }
  Log(LogLevel::kInfo, "an address is taken to be the world's name of itself",
      {{"address", internal.ToString()}, {"reason", external.error().message}});
  return internal;
}

}  // namespace relay
