#include "server/net/websocket_connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <utility>

#include "server/net/stream_service.h"
#include "server/net/websocket_transport.h"

namespace relay {

WebSocketConnection::WebSocketConnection(StreamService& service,
                                         std::shared_ptr<WebSocketTransport> transport,
                                         const turn::Client& client, base::MonotonicTime now)
    : StreamConnection(service, client, now), transport_(std::move(transport)) {
  transport_->stream.binary(true);
  transport_->stream.auto_fragment(false);
  transport_->stream.read_message_max(0);  // read piece by piece, never kept
}

WebSocketConnection::~WebSocketConnection() { transport_->stream.next_layer().socket().Close(); }

void WebSocketConnection::Start() { Read(); }

void WebSocketConnection::Read() {
  if (is_reading_ || is_ending_) return;
  is_reading_ = true;
  transport_->stream.async_read_some(
      boost::asio::buffer(transport_->incoming),
      [&service = service_, handle = client().handle, transport = transport_](
          boost::system::error_code error, std::size_t bytes) {
        auto* self = static_cast<WebSocketConnection*>(service.Find(handle));
        if (self == nullptr) return;
        self->OnRead(error.failed(), bytes);
        service.ChargeIfStranger(*self);
      });
}

void WebSocketConnection::OnRead(bool is_failed, std::size_t bytes) {
  is_reading_ = false;
  if (is_failed || transport_->stream.got_text()) return End();
  service_.RefreshClock();
  const base::MutableBytes room = stream_.Room();
  std::copy_n(transport_->incoming.begin(), bytes, room.begin());
  if (!stream_.Received(bytes)) return End();
  GoOn();
}

void WebSocketConnection::GoOn() {
  while (stream_.is_held_back() && !stream_.HasToWait() && !is_ending_) {
    if (!stream_.Resume()) return End();
  }
  if (!stream_.HasToWait()) Read();  // else OnWritten takes it up again
}

void WebSocketConnection::SendControl(base::Bytes message) {
  if (is_writing_) return output_.AddControl(message);
  Write({message.begin(), message.end()});
}

void WebSocketConnection::SendData(base::Bytes message) {
  if (is_writing_) return Count(output_.AddData(message, service_.now().monotonic));
  Write({message.begin(), message.end()});
}

void WebSocketConnection::Write(std::vector<std::uint8_t> message) {
  if (is_ending_) return;
  is_writing_ = true;
  transport_->outgoing = std::move(message);
  transport_->stream.async_write(
      boost::asio::buffer(transport_->outgoing),
      [&service = service_, handle = client().handle, transport = transport_](
          boost::system::error_code error, std::size_t) {
        auto* self = static_cast<WebSocketConnection*>(service.Find(handle));
        if (self == nullptr) return;
        self->OnWritten(error.failed());
        service.ChargeIfStranger(*self);
      });
}

void WebSocketConnection::OnWritten(bool is_failed) {
  is_writing_ = false;
  if (is_failed) return End();
  service_.RefreshClock();
  Count(output_.DropExpired(service_.now().monotonic));
  if (auto next = output_.Take()) Write(std::move(*next));
  GoOn();
}

void WebSocketConnection::End() {
  if (is_ending_) return;
  is_ending_ = true;
  stream_.Stop();
  service_.ScheduleClose(client().handle);
}

}  // namespace relay
