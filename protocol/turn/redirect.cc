#include "protocol/turn/redirect.h"

#include <algorithm>

#include "protocol/stun/attribute_type.h"

namespace turn {
namespace {

using base::AddressFamily;
using stun::AttributeType;

bool IsAsked(const RedirectedClient& client, const base::Endpoint& server) {
  return std::ranges::find(client.asked, server) != client.asked.end();
}

// Any server of the family but the one that was asked.
std::optional<base::Endpoint> Draw(const std::vector<base::Endpoint>& servers, AddressFamily family,
                                   const RedirectedClient& client, base::RandomSource& random) {
  const auto fits = [&](const base::Endpoint& server) {
    return server.address.family() == family && !IsAsked(client, server);
  };
  const auto count = static_cast<std::uint32_t>(std::ranges::count_if(servers, fits));
  if (count == 0) return std::nullopt;
  std::uint32_t left = random.Below(count);
  const auto drawn = std::ranges::find_if(
      servers, [&](const base::Endpoint& server) { return fits(server) && left-- == 0; });
  return *drawn;
}

}  // namespace

std::optional<Alternate> ChooseAlternate(const Redirect& redirect, bool is_draining,
                                         const RedirectedClient& client,
                                         base::RandomSource& random) {
  const std::vector<base::Endpoint>& servers = redirect.servers;
  if (!is_draining) {
    if (redirect.when != Redirect::When::kAlways) return std::nullopt;
    const auto is_asked = [&](const base::Endpoint& server) { return IsAsked(client, server); };
    if (std::ranges::any_of(servers, is_asked)) return std::nullopt;
  }
  const std::optional<base::Endpoint> server = Draw(servers, client.family, client, random);
  if (!server) return std::nullopt;
  const AddressFamily other =
      client.family == AddressFamily::kIpv4 ? AddressFamily::kIpv6 : AddressFamily::kIpv4;
  return Alternate{*server, Draw(servers, other, client, random),
                   client.checks_domain ? std::string_view(redirect.domain) : std::string_view()};
}

void WriteAlternate(stun::MessageWriter& attributes, const Alternate& alternate) {
  attributes.AddAddress(AttributeType::kAlternateServer, alternate.server);
  if (alternate.server_of_other_family)
    attributes.AddAddress(AttributeType::kAlternateServer, *alternate.server_of_other_family);
  if (!alternate.domain.empty())
    attributes.AddText(AttributeType::kAlternateDomain, alternate.domain);
}

}  // namespace turn
