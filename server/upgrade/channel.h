#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "server/net/listener_socket.h"

namespace relay {

// A connection over which two processes of one host pass frames with descriptors
// (SOCK_SEQPACKET, SCM_RIGHTS). Every call has a deadline; what has failed once is of no more use.
// One thread at a time.
class UpgradeChannel {
 public:
  static constexpr std::size_t kMaxFrameBytes = 128 * 1024;
  static constexpr std::size_t kMaxDescriptors = 253;  // SCM_MAX_FD

  struct Frame {
    std::uint8_t type = 0;
    std::vector<std::uint8_t> payload;
    std::vector<Descriptor> descriptors;
  };

  explicit UpgradeChannel(Descriptor socket) : socket_(std::move(socket)) {}
  // To the process that listens there.
  static base::Result<UpgradeChannel> Connect(const std::string& path);

  base::Result<void> Send(std::uint8_t type, base::Bytes payload,
                          const std::vector<int>& descriptors, base::MonotonicTime deadline);
  // Error: the other end is gone, sent what is no frame, or nothing in time.
  base::Result<Frame> Receive(base::MonotonicTime deadline);

  // Whatever the other end says from now on fails for it; what it has said before can be received.
  // So one end decides about what is said last, and both know how.
  void StopHearing();

  // Who is at the other end: by which user it runs. nullopt: the system does not tell.
  std::optional<std::uint32_t> PeerUser() const;
  std::optional<std::int32_t> PeerProcess() const;

  int descriptor() const { return socket_.get(); }

 private:
  enum class Readiness : std::uint8_t { kToSend, kToReceive };
  base::Result<void> WaitUntil(Readiness what, base::MonotonicTime deadline) const;

  Descriptor socket_;
  std::vector<std::uint8_t> room_;  // for the frame that comes next, once one has come
};

// Listens at `path`, for this user alone. A socket file that nobody answers on is replaced. Error:
// somebody does, or the system says no.
base::Result<Descriptor> ListenForUpgrade(const std::string& path);

}  // namespace relay
