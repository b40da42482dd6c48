#pragma once

#include <memory>
#include <string>

#include "bench/loadgen/socket.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

struct ssl_st;
struct ssl_ctx_st;

namespace loadgen {

// What TLS clients share. They verify no certificate: they measure, and prove nothing.
class TlsContext {
 public:
  static base::Result<TlsContext> Create();

  ssl_ctx_st* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

  std::unique_ptr<ssl_ctx_st, Free> context_;
};

// A client's TLS over a connected, non-blocking socket, which must outlive it.
class TlsStream {
 public:
  enum class State : std::uint8_t { kDone, kWantsRead, kWantsWrite, kBroken };
  struct Progress {
    State state = State::kBroken;
    std::size_t octets = 0;  // only when done: read or taken for writing
  };

  TlsStream() = default;

  base::Result<void> Begin(const TlsContext& context, const FileDescriptor& socket);
  void Close() { session_.reset(); }
  bool is_open() const { return session_ != nullptr; }

  // To be called again when the socket is ready for what it wants, until done or broken.
  State Handshake();
  // kDone with 0 octets is the orderly end.
  Progress Read(base::MutableBytes room);
  // What was not taken must be given again, with nothing changed, before anything else.
  Progress Write(base::Bytes octets);
  // Octets are decrypted and wait for Read; the socket does not tell.
  bool has_unread() const;

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };

  State StateAfter(int result) const;

  std::unique_ptr<ssl_st, Free> session_;
};

}  // namespace loadgen
