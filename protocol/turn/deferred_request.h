#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/base/time.h"
#include "protocol/stun/message_view.h"
#include "protocol/turn/authenticator.h"
#include "protocol/turn/policy.h"
#include "protocol/turn/request.h"

namespace turn {

// An authenticated request whose answer takes longer than the call that brought it. It keeps what
// the answer needs.
class DeferredRequest {
 public:
  explicit DeferredRequest(const Request& request)
      : client_(request.client),
        octets_(request.message.octets().begin(), request.message.octets().end()),
        arrived_at_(request.now),
        has_fingerprint_(request.has_fingerprint),
        user_(*request.user) {}

  const Client& client() const { return client_; }

  // Calls `answer(const Request&)` with the request as it arrived; without its allocation, which
  // may have ended meanwhile.
  template <typename Answer>
  void Resume(Answer&& answer) const {
    const std::optional<stun::MessageView> message = stun::MessageView::Parse(octets_);
    CHECK(message.has_value());
    answer(Request{client_, *message, arrived_at_, has_fingerprint_, nullptr, user_});
  }

 private:
  Client client_;
  std::vector<std::uint8_t> octets_;
  base::Now arrived_at_;
  bool has_fingerprint_;
  AuthenticatedUser user_;
};

}  // namespace turn
