#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/base/five_tuple.h"
#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"
#include "server/net/proxy_header.h"
#include "server/net/stream_socket.h"
#include "server/tls/tls_context.h"

namespace relay {

// What may come in at a stream listener.
struct StreamEntrance {
  enum class Kind : std::uint8_t {
    kTcp,   // TURN in the clear, or under TLS where there is a context: the first octet tells
    kTls,   // TURN under TLS
    kEdge,  // TURN, HTTP and WebSocket under TLS
  };
  Kind kind = Kind::kTcp;
  // Connections from here begin with a PROXY protocol header; others must not.
  std::vector<base::IpPrefix> trusted_proxies;
};

bool IsTrustedProxy(const std::vector<base::IpPrefix>& trusted, const base::IpAddress& source);

// A connection until it is known who is there and what is spoken: PROXY header, TLS handshake,
// first octet. It only says what to wait for; StreamService does that. Shard's thread only.
class StreamOpening {
 public:
  // All of it has to happen within this time.
  static constexpr std::chrono::seconds kTimeout{10};

  // `entrance` must outlive the opening. `five_tuple` is that of the socket.
  StreamOpening(StreamSocket socket, const StreamEntrance& entrance,
                const base::FiveTuple& five_tuple, base::MonotonicTime now);

  enum class Step : std::uint8_t {
    kAdmit,      // five_tuple() is now the client's: go on if it may be served
    kWaitRead,   // go on when the socket is readable
    kWaitWrite,  // go on when the socket is writable
    kTurn,       // TURN follows
    kHttp,       // HTTP follows
    kClose,      // nothing that we serve
  };
  // Goes as far as it can. `tls` may be nullptr.
  Step Advance(const std::shared_ptr<const TlsContext>& tls);

  const base::FiveTuple& five_tuple() const { return five_tuple_; }
  bool is_handshaking() const { return phase_ == Phase::kHandshake; }
  bool is_handshake_done() const { return phase_ == Phase::kInside; }
  bool is_reading_proxy_header() const { return phase_ == Phase::kProxyHeader; }
  bool IsOverdue(base::MonotonicTime now) const { return now > deadline_; }

  StreamSocket& socket() { return socket_; }

 private:
  enum class Phase : std::uint8_t {
    kProxyHeader,
    kFirstOctet,
    kClientHello,
    kHandshake,
    kInside,
  };

  Step ReadProxyHeader();
  Step ReadFirstOctet(const std::shared_ptr<const TlsContext>& tls);
  Step AwaitClientHello(const std::shared_ptr<const TlsContext>& tls);
  Step LookInside();
  static Step WaitFor(StreamOutcome outcome);

  StreamSocket socket_;
  const StreamEntrance& entrance_;
  base::FiveTuple five_tuple_;
  base::MonotonicTime deadline_;
  Phase phase_;
  bool is_admitted_ = false;
  std::vector<std::uint8_t> proxy_header_;  // what has arrived of it
  std::size_t seen_bytes_ = 0;              // of the ClientHello
};

}  // namespace relay
