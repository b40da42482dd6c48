#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "bench/loadgen/credentials.h"
#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/stun/channel_data.h"
#include "protocol/stun/message_view.h"

namespace loadgen {

// The client's half of TURN for one allocation (RFC 8656, long-term credentials of RFC 8489
// section 9.2): builds requests and reads responses, one transaction at a time. Knows neither
// sockets nor clocks; who owns it sends, repeats and gives up.
class TurnClient {
 public:
  enum class Request : std::uint8_t {
    kAllocate,
    kCreatePermission,
    kChannelBind,
    kRefresh,
    kRelease
  };
  // What the requests of all clients have in common.
  struct Plan {
    int family = 0;                      // 4, 6; 0: not asked for
    std::uint32_t lifetime_seconds = 0;  // 0: not asked for
  };

  // Forgets an earlier allocation, not the nonce.
  void Reset(std::size_t user, stun::ChannelNumber channel);
  void SetPeer(const base::Endpoint& peer) { peer_ = peer; }

  // Begins a transaction; `id` must not have been used before.
  void Begin(Request request, const stun::TransactionId& id);
  // Writes the request of the transaction; the same octets each time. The result is a part of
  // `buffer`, which should have kMaxRequestBytes.
  base::Bytes Build(const Plan& plan, const Credentials& credentials,
                    base::MutableBytes buffer) const;
  static constexpr std::size_t kMaxRequestBytes = 2048;

  enum class Outcome : std::uint8_t {
    kIgnored,  // not the answer to this transaction, or not to be believed
    kSucceeded,
    kTryAgain,   // with what the answer taught (realm, nonce): begin the same request anew
    kRefused,    // code() says why
    kMalformed,  // a success without what it must contain
  };
  // After any outcome but kIgnored the transaction is over. A new realm goes to `credentials`.
  Outcome OnResponse(const stun::MessageView& response, Credentials& credentials);

  bool is_waiting() const { return is_waiting_; }
  Request request() const { return request_; }
  std::uint16_t code() const { return code_; }
  const base::Endpoint& relayed() const { return relayed_; }
  const base::Endpoint& peer() const { return peer_; }
  stun::ChannelNumber channel() const { return channel_; }
  std::uint32_t granted_seconds() const { return granted_seconds_; }

 private:
  Outcome OnSuccess(const stun::MessageView& response);
  Outcome OnError(const stun::MessageView& response, Credentials& credentials);
  bool Learn(const stun::MessageView& response, Credentials& credentials);

  stun::TransactionId id_{};
  Request request_ = Request::kAllocate;
  bool is_waiting_ = false;
  bool is_signed_ = false;  // of the transaction under way
  std::uint8_t challenges_ = 0;
  std::uint16_t code_ = 0;
  stun::ChannelNumber channel_;
  std::uint32_t user_ = 0;
  std::uint32_t granted_seconds_ = 0;
  base::Endpoint relayed_;
  base::Endpoint peer_;
  std::string nonce_;
};

}  // namespace loadgen
