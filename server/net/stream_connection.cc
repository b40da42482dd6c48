#include "server/net/stream_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "protocol/stun/channel_data.h"
#include "protocol/stun/demux.h"
#include "protocol/stun/stream_framer.h"
#include "protocol/turn/engine.h"
#include "server/net/stream_service.h"

namespace relay {

using boost::asio::ip::tcp;

StreamConnection::StreamConnection(StreamService& service, tcp::socket socket,
                                   const turn::Client& client, base::MonotonicTime now)
    : service_(service),
      socket_(std::move(socket)),
      client_(client),
      opened_at_(now),
      last_message_at_(now) {}

void StreamConnection::Start() { WaitReadable(); }

void StreamConnection::WaitReadable() {
  if (is_reading_ || is_ending_) return;
  is_reading_ = true;
  // The handler holds no pointer: the connection may be gone when it runs.
  socket_.async_wait(tcp::socket::wait_read, [&service = service_, handle = client_.handle](
                                                 boost::system::error_code error) {
    StreamConnection* self = service.Find(handle);
    if (self == nullptr || error) return;
    self->is_reading_ = false;
    self->OnReadable();
  });
}

void StreamConnection::WaitWritable() {
  if (is_writing_) return;
  is_writing_ = true;
  socket_.async_wait(tcp::socket::wait_write, [&service = service_, handle = client_.handle](
                                                  boost::system::error_code error) {
    StreamConnection* self = service.Find(handle);
    if (self == nullptr || error) return;
    self->is_writing_ = false;
    self->OnWritable();
  });
}

void StreamConnection::OnReadable() {
  service_.RefreshClock();
  for (int i = 0; i < kReadsPerTurn && !is_ending_; ++i) {
    if (output_.control_bytes() > kMaxWaitingControl) return;  // OnWritable takes it up again
    switch (ReadOnce()) {
      case ReadResult::kMore:
        continue;
      case ReadResult::kDrained:
        WaitReadable();
        return;
      case ReadResult::kEnd:
        return;
    }
  }
  WaitReadable();
}

StreamConnection::ReadResult StreamConnection::ReadOnce() {
  const base::MutableBytes scratch = service_.scratch();
  std::copy(partial_.begin(), partial_.end(), scratch.begin());
  const ssize_t count = ::recv(socket_.native_handle(), scratch.data() + partial_.size(),
                               scratch.size() - partial_.size(), MSG_DONTWAIT);
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return ReadResult::kDrained;
    End(true);
    return ReadResult::kEnd;
  }
  if (count == 0) {
    End(false);
    return ReadResult::kEnd;
  }
  const base::Bytes octets = scratch.first(partial_.size() + static_cast<std::size_t>(count));
  std::size_t consumed = 0;
  const bool is_sound = HandleMessages(octets, consumed);
  service_.Flush();  // before the scratch buffer is used again
  if (!is_sound) {
    End(false);
    return ReadResult::kEnd;
  }
  const base::Bytes rest = octets.subspan(consumed);
  if (rest.empty()) {
    partial_ = {};
  } else {
    if (consumed > 0 || partial_.empty()) partial_since_ = service_.now().monotonic;
    partial_.assign(rest.begin(), rest.end());
  }
  return ReadResult::kMore;
}

bool StreamConnection::HandleMessages(base::Bytes octets, std::size_t& consumed) {
  while (!is_ending_) {
    const base::Bytes unread = octets.subspan(consumed);
    // A stream begins with a request: letters there are HTTP, which would pass for the start of
    // ChannelData.
    if (!had_valid_message_ && !unread.empty() && stun::Classify(unread) != stun::PacketKind::kStun)
      return false;
    const auto frame = stun::StreamFramer::Next(unread, service_.last_channel_first_octet());
    if (frame.verdict == stun::StreamFramer::Verdict::kNeedMore) return true;
    if (frame.verdict == stun::StreamFramer::Verdict::kInvalid) return false;
    const base::Bytes message = unread.first(frame.message_bytes);
    consumed += frame.consumed_bytes;
    last_message_at_ = service_.now().monotonic;
    if (stun::Classify(message, service_.last_channel_first_octet()) ==
        stun::PacketKind::kChannelData) {
      service_.OnChannelData(client_, message);
      continue;
    }
    if (service_.OnMessage(client_, message)) {
      had_valid_message_ = true;
      invalid_in_a_row_ = 0;
    } else if (++invalid_in_a_row_ >= kMaxInvalidInARow) {
      return false;
    }
  }
  return true;
}

void StreamConnection::Send(StreamOutput::Kind kind, base::Bytes message) {
  std::size_t written = 0;
  if (output_.empty()) {
    const ssize_t count = ::send(socket_.native_handle(), message.data(), message.size(),
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      End(true);
      return;
    }
    written = count < 0 ? 0 : static_cast<std::size_t>(count);
    if (written == message.size()) return;
  }
  const std::size_t dropped = output_.Add(kind, message, written);
  for (std::size_t i = 0; i < dropped; ++i) service_.CountQueueDrop();
  if (!output_.empty()) WaitWritable();
}

void StreamConnection::OnWritable() {
  while (!output_.empty()) {
    const base::Bytes front = output_.front();
    const ssize_t count =
        ::send(socket_.native_handle(), front.data(), front.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        WaitWritable();
        return;
      }
      End(true);
      return;
    }
    output_.Consume(static_cast<std::size_t>(count));
  }
  if (is_ending_) {
    service_.ScheduleClose(client_.handle);
    return;
  }
  if (!is_reading_) OnReadable();
}

void StreamConnection::End(bool immediately) {
  if (is_ending_ && !immediately) return;
  is_ending_ = true;
  if (immediately || output_.empty()) service_.ScheduleClose(client_.handle);
}

bool StreamConnection::IsOverdue(base::MonotonicTime now) const {
  if (!had_valid_message_ && allocations_ == 0) return now - opened_at_ > kFirstMessageTimeout;
  if (!partial_.empty() && now - partial_since_ > kPartialMessageTimeout) return true;
  // A client that ended its side but never reads its answers goes the same way.
  return (allocations_ == 0 || is_ending_) && now - last_message_at_ > kIdleTimeout;
}

}  // namespace relay
