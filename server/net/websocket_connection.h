#pragma once

#include <memory>
#include <vector>

#include "server/net/stream_connection.h"

namespace relay {

struct WebSocketTransport;

// TURN in the binary frames of a WebSocket (RFC 6455), which carry one byte stream: where a frame
// ends means nothing on the way in; on the way out each message has a frame of its own. Shard's
// thread only.
class WebSocketConnection final : public StreamConnection {
 public:
  // The upgrade is done.
  WebSocketConnection(StreamService& service, std::shared_ptr<WebSocketTransport> transport,
                      const turn::Client& client, base::MonotonicTime now);
  ~WebSocketConnection() override;

  void Start() override;
  void SendControl(base::Bytes message) override;
  void SendData(base::Bytes message) override;

 private:
  void Read();
  void OnRead(bool is_failed, std::size_t bytes);
  // Handles what was held back and reads on, unless too many answers wait.
  void GoOn();
  void Write(std::vector<std::uint8_t> message);
  void OnWritten(bool is_failed);
  void End();

  std::shared_ptr<WebSocketTransport> transport_;
  bool is_reading_ = false;
  bool is_writing_ = false;
};

}  // namespace relay
