#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/crypto.h"
#include "protocol/base/ip_address.h"
#include "protocol/stun/channel_data.h"
#include "protocol/stun/message_view.h"

namespace relay {

// With what a probe authenticates: a password, or the long-term key alone.
struct ProbeCredential {
  std::string username;
  std::string password;
  std::optional<base::Md5Digest> key = std::nullopt;
};

// The client's half of STUN and TURN for one allocation (RFC 8656, long-term credentials of RFC
// 8489 section 9.2): writes requests and reads responses, one transaction at a time. Knows neither
// sockets nor clocks; who owns it sends, repeats and gives up.
class TurnExchange {
 public:
  enum class Request : std::uint8_t { kBinding, kAllocate, kChannelBind, kRelease };

  explicit TurnExchange(ProbeCredential credential) : credential_(std::move(credential)) {}

  // The family of the relay that is asked for; nullopt: none, which gives IPv4.
  void SetFamily(std::optional<base::AddressFamily> family) { family_ = family; }
  void SetPeer(const base::Endpoint& peer, stun::ChannelNumber channel) {
    peer_ = peer;
    channel_ = channel;
  }

  // Begins a transaction and gives its request, which is the same when it is repeated.
  std::vector<std::uint8_t> Begin(Request request, const stun::TransactionId& id);

  enum class Outcome : std::uint8_t {
    kIgnored,  // not the answer to this transaction, or not to be believed
    kSucceeded,
    kTryAgain,   // with what the answer taught (realm, nonce): begin the same request anew
    kRefused,    // code() says why
    kMalformed,  // a success without what it must contain
  };
  Outcome OnResponse(const stun::MessageView& response);

  // The error code of the last refusal, and its reason phrase as the server spelled it.
  std::uint16_t code() const { return code_; }
  const std::string& reason() const { return reason_; }
  // After a Binding or an Allocate: how the server sees the client.
  const base::Endpoint& mapped() const { return mapped_; }
  const base::Endpoint& relayed() const { return relayed_; }

 private:
  Outcome OnSuccess(const stun::MessageView& response);
  Outcome OnError(const stun::MessageView& response);

  ProbeCredential credential_;
  std::optional<base::AddressFamily> family_;
  base::Endpoint peer_;
  stun::ChannelNumber channel_ = stun::kFirstChannel;

  stun::TransactionId id_{};
  Request request_ = Request::kBinding;
  bool is_waiting_ = false;
  bool is_signed_ = false;
  int challenges_ = 0;
  std::string realm_;
  std::string nonce_;
  base::Md5Digest key_{};
  std::uint16_t code_ = 0;
  std::string reason_;
  base::Endpoint mapped_;
  base::Endpoint relayed_;
};

}  // namespace relay
