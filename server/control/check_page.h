#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/shared_secret.h"
#include "protocol/base/random.h"
#include "protocol/base/time.h"
#include "protocol/turn/challenge_limiter.h"
#include "server/control/check_rooms.h"
#include "server/web/http_message.h"

namespace relay {

// What the connectivity page knows about this server.
struct CheckPageSettings {
  bool is_enabled = false;
  std::string host;  // of the URLs; empty: the one that the page was reached by
  // The ports of the three ways over the relay; nullopt: there is no such listener.
  std::optional<std::uint16_t> udp_port;
  std::optional<std::uint16_t> tcp_port;
  std::optional<std::uint16_t> tls_port;
  std::vector<std::uint16_t> stun_ports;  // over UDP, at most two
  // What a network has to let out, and to where.
  struct Rule {
    std::string protocol;  // "udp", "tcp"
    std::string ports;     // "49152-65535"
    bool is_needed = false;
    std::string purpose;

    friend bool operator==(const Rule&, const Rule&) = default;
  };
  std::vector<Rule> rules;
  std::vector<std::string> destinations;
  auth::SharedSecret secret;  // signs the page's credentials
};

// The connectivity page and what it asks for: GET /check with its files, POST /check/session for
// credentials that reach only relays of this server, and rooms in which two devices find each other
// (docs/check-page.md). All of it is for strangers, so everything is limited by source. One thread.
class CheckPage {
 public:
  // `random` must outlive the object.
  explicit CheckPage(base::RandomSource& random);

  // nullopt: the request is not for the page, or the page is off.
  std::optional<HttpResponse> Answer(const HttpRequest& request, const CheckPageSettings& settings,
                                     const base::Now& now);

  static constexpr std::chrono::seconds kCredentialLifetime{300};
  // For one source (/32, /64), tokens a second and in a burst.
  static constexpr std::uint32_t kRequestRate = 50;
  static constexpr std::uint32_t kRequestBurst = 500;
  static constexpr std::uint32_t kSessionRate = 1;
  static constexpr std::uint32_t kSessionBurst = 60;

 private:
  HttpResponse OpenSession(const HttpRequest& request, const CheckPageSettings& settings,
                           const base::Now& now);
  HttpResponse OpenRoom(const HttpRequest& request, base::MonotonicTime now);
  HttpResponse EnterRoom(const HttpRequest& request, std::string_view seat,
                         base::MonotonicTime now);
  std::string SubjectOf(const base::IpAddress& source) const;

  base::RandomSource& random_;
  std::array<std::uint8_t, 32> source_key_;  // of the hashes of sources in user names
  turn::ChallengeLimiter requests_;
  turn::ChallengeLimiter sessions_;
  CheckRooms rooms_;
};

}  // namespace relay
