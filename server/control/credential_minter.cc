#include "server/control/credential_minter.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "auth/credential_issuer.h"
#include "server/log/log_text.h"

namespace relay {
namespace {

namespace json = boost::json;

// Browsers warn from five servers on, and try all of them at once.
constexpr std::size_t kUrlsOfEach = 2;
constexpr std::size_t kUrlsAlone = 5;

bool IsOverUdp(std::string_view url) { return url.ends_with("?transport=udp"); }

// The best over UDP and the best over TCP or TLS, or for a node that is alone everything.
std::vector<std::string> UrlsOf(const FleetNode& node, bool is_alone) {
  std::vector<std::string> urls = node.turn_urls;
  if (is_alone) {
    urls.resize(std::min(urls.size(), kUrlsAlone));
    return urls;
  }
  std::vector<std::string> best;
  for (std::string& url : urls) {
    const bool is_new_kind = std::ranges::none_of(
        best, [&](const std::string& other) { return IsOverUdp(other) == IsOverUdp(url); });
    if (is_new_kind && best.size() < kUrlsOfEach) best.push_back(std::move(url));
  }
  return best;
}

}  // namespace

std::variant<Minted, MintFailure> Mint(const CredentialSettings& settings,
                                       std::vector<FleetNode> nodes, const MintRequest& request,
                                       const MintHolder& holder, base::WallTime now) {
  using std::chrono::floor;
  using std::chrono::seconds;
  Minted minted;
  minted.ttl = std::min(request.ttl.value_or(settings.default_ttl), settings.max_ttl);
  if (holder.right_ends_at) {
    minted.ttl = std::min(minted.ttl, floor<seconds>(*holder.right_ends_at) - floor<seconds>(now));
  }
  if (minted.ttl <= seconds::zero()) return MintFailure::kRightOver;

  const std::vector<FleetNode> chosen =
      ChooseNodes(std::move(nodes), request.region, settings.region);
  if (chosen.empty()) {
    return request.region.is_required ? MintFailure::kRegion : MintFailure::kNoNode;
  }
  std::vector<std::string_view> kids;
  for (const FleetNode& node : chosen) {
    const auth::SharedSecret* const secret = settings.secrets.SigningFor(node.region);
    if (secret == nullptr) continue;
    auto known = std::ranges::find(kids, secret->id);
    const auto place = static_cast<std::size_t>(known - kids.begin());
    if (known == kids.end()) {
      const std::string subject_hash = settings.SubjectHash(*secret, holder.tenant, holder.subject);
      auto issued = auth::CredentialIssuer(*secret).Issue(
          auth::CredentialHolder{holder.tenant, subject_hash, holder.jti}, minted.ttl, now);
      if (!issued.ok()) return MintFailure::kHolder;
      if (kids.empty()) {
        minted.region = node.region;
        minted.expires_at = issued.value().expires_at;
        minted.subject_hash = subject_hash;
      }
      kids.push_back(secret->id);
      minted.servers.push_back({{}, issued.value().username, issued.value().password});
    }
    if (minted.stun_urls.empty()) minted.stun_urls = node.stun_urls;
    for (std::string& url : UrlsOf(node, chosen.size() == 1)) {
      minted.servers[place].turn_urls.push_back(std::move(url));
    }
  }
  if (minted.servers.empty()) return MintFailure::kNoSecret;
  minted.refresh_after = minted.expires_at - minted.ttl / 5;
  return minted;
}

std::string IceServersDocument(const Minted& minted, std::string_view ice_transport_policy) {
  json::array servers;
  if (!minted.stun_urls.empty())
    servers.emplace_back(json::object{{"urls", json::value_from(minted.stun_urls)}});
  for (const Minted::Servers& one : minted.servers) {
    servers.emplace_back(json::object{{"urls", json::value_from(one.turn_urls)},
                                      {"username", one.username},
                                      {"credential", one.password}});
  }
  return json::serialize(json::object{
             {"iceServers", std::move(servers)},
             {"iceTransportPolicy",
              json::string_view(ice_transport_policy.data(), ice_transport_policy.size())},
             {"ttl", minted.ttl.count()},
             {"expiresAt", TimeText(minted.expires_at)},
             {"refreshAfter", TimeText(minted.refresh_after)},
             {"region", minted.region}}) +
         "\n";
}

std::string RestDocument(const Minted& minted) {
  const Minted::Servers& first = minted.servers.front();
  return json::serialize(json::object{{"username", first.username},
                                      {"password", first.password},
                                      {"ttl", minted.ttl.count()},
                                      {"uris", json::value_from(first.turn_urls)}}) +
         "\n";
}

}  // namespace relay
