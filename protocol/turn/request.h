#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include <boost/container/static_vector.hpp>

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/stun/attribute_type.h"
#include "protocol/stun/error_code.h"
#include "protocol/stun/message_view.h"
#include "protocol/stun/message_writer.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/allocation.h"
#include "protocol/turn/authenticator.h"
#include "protocol/turn/policy.h"
#include "protocol/turn/redirect.h"

namespace turn {

// No stranger gets an answer of more than so many times what was sent.
inline constexpr std::size_t kMaxAmplification = 5;
// A header and one attribute with a value, such as the REQUESTED-TRANSPORT that every Allocate has.
inline constexpr std::size_t kSmallestRealRequest = 28;

// How many attributes one 420 names: far more than a client sends by mistake, and few enough that
// the answer to a long list stays small.
inline constexpr std::size_t kMaxUnknownAttributes = 64;
using UnknownAttributes =
    boost::container::static_vector<stun::AttributeType, kMaxUnknownAttributes>;

// The comprehension-required attributes of the message that this server does not support (RFC 8489
// section 6.3), each once. `takes_tokens`: ACCESS-TOKEN is supported.
UnknownAttributes FindUnknownAttributes(const stun::MessageView& message, bool takes_tokens);

// A refusal, as it is returned by a handler and sent to the client.
struct StunError {  // NOLINT(bugprone-exception-escape): a vector of fixed size
  StunError(stun::ErrorCode error_code)  // NOLINT(google-explicit-constructor)
      : code(error_code) {}
  explicit StunError(const UnknownAttributes& attributes)
      : code(stun::ErrorCode::kUnknownAttribute), unknown_attributes(attributes) {}
  explicit StunError(const Alternate& server)
      : code(stun::ErrorCode::kTryAlternate), alternate(server) {}

  stun::ErrorCode code;
  UnknownAttributes unknown_attributes;  // with kUnknownAttribute
  std::optional<Alternate> alternate;    // with kTryAlternate
};

// A request whose client is in another shard, and what is to go back there.
struct ForwardedRequest {
  ShardIndex from;
  std::optional<std::uint64_t> awaited;  // as in RequestForwarded
  bool is_client_taken = false;

  std::vector<std::uint8_t> answer{};  // empty: silence
  std::optional<std::uint64_t> granted{};
  bool must_hand_over = false;  // the granted allocation, at once
  bool is_settled = false;      // the request went on with the allocation: nothing goes back
};

// What mobility (RFC 8016) has to know of a request.
struct RequestMobility {
  bool is_ticket_genuine = false;  // it is a Refresh with one of ours, whatever that is worth
  // The allocation serves another client still: a move to this one is pending.
  bool is_pending = false;
  // The 5-tuple has another allocation than the ticket's, or waits for one.
  bool is_client_taken = false;
  ForwardedRequest* forwarded = nullptr;  // nullptr: it arrived in this shard
};

// One request on its way through the engine. It refers to what the caller of the engine owns and
// lives during the call only.
struct Request {
  const Client& client;
  const stun::MessageView& message;
  const base::Now& now;
  bool has_fingerprint = false;
  // The live one on this 5-tuple, the one of a pending move to it, or the one that a mobility
  // ticket names; if any.
  Allocation* allocation = nullptr;
  std::optional<AuthenticatedUser> user;  // nullopt: a stranger, whose answer is kept small
  RequestMobility mobility{};
};

// The response to a request while it is written, with what every response has in common: the type
// and transaction ID of the request, SOFTWARE, integrity and FINGERPRINT (RFC 8489 section 6.3.1).
class Response {
 public:
  // A success response without attributes yet. Request and policy must outlive the object.
  Response(const Request& request, const Policy& policy);
  // An error response, complete but for what Finish adds.
  Response(const Request& request, const Policy& policy, const StunError& error);
  Response(const Response&) = delete;
  Response& operator=(const Response&) = delete;

  stun::MessageWriter& attributes() { return writer_; }

  // REALM, NONCE and PASSWORD-ALGORITHMS, for 401 and 438.
  void AddChallenge(std::string_view nonce);
  // THIRD-PARTY-AUTHORIZATION, for 401 (RFC 7635 section 6.1).
  void OfferTokens(std::string_view server_name);

  // How many octets Finish will give, for a stranger's response.
  std::size_t FinishedBytes() const;

  // Whom it is sent to, and from which socket: where the request came from and arrived, unless NAT
  // discovery decides otherwise.
  const Client& recipient() const { return recipient_; }
  void SetRecipient(const Client& recipient) { recipient_ = recipient; }

  // Adds what comes last and gives the octets, which live as long as this object.
  base::Bytes Finish();

 private:
  // The longest response: texts of the policy are capped in Finish and AddChallenge, and PADDING
  // has 1500 octets.
  static constexpr std::size_t kBufferBytes = 2304;

  // The value of SOFTWARE; empty: without one.
  std::string_view Software() const;
  // The value of TRANSACTION-TRANSMIT-COUNTER (RFC 7982 section 3.3): Req of the request, and a
  // Resp of 0, since nobody counts here. nullopt: the request has none, or a malformed one.
  std::optional<std::uint32_t> TransmitCounter() const;

  const Request& request_;
  const Policy& policy_;
  Client recipient_;
  std::array<std::uint8_t, kBufferBytes> buffer_;
  stun::MessageWriter writer_;
};

}  // namespace turn
