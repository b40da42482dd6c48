#include "server/net/socket_connection.h"

#include <utility>

#include "server/net/stream_service.h"

namespace relay {

using Status = StreamOutcome::Status;

SocketConnection::SocketConnection(StreamService& service, StreamSocket socket,
                                   const turn::Client& client, base::MonotonicTime now)
    : StreamConnection(service, client, now), socket_(std::move(socket)) {}

SocketConnection::SocketConnection(StreamService& service, StreamSocket socket,
                                   ConnectionImage image, base::MonotonicTime now)
    : SocketConnection(service, std::move(socket), image.client, now) {
  stream_.Begin(std::move(image.unread), image.had_valid_message);
  if (!image.unsent.empty()) output_.Begin(image.unsent, 0);
}

SocketConnection::~SocketConnection() { socket_.Close(); }

void SocketConnection::Start() {
  if (!output_.empty()) WriteWaiting();
  OnReadable();
}

// Handlers hold no pointer to the connection: it may be gone when they run.
void SocketConnection::WaitReadable() {
  if (is_waiting_to_read_ || is_ending_) return;
  is_waiting_to_read_ = true;
  service_.OnceReady(socket_, StreamSocket::Direction::kRead, client().handle,
                     [](StreamConnection& connection) {
                       auto& self = static_cast<SocketConnection&>(connection);
                       self.is_waiting_to_read_ = false;
                       self.OnReadable();
                     });
}

void SocketConnection::WaitToWrite(StreamSocket::Direction direction) {
  if (std::exchange(is_waiting_to_write_[static_cast<std::size_t>(direction)], true)) return;
  service_.OnceReady(socket_, direction, client().handle,
                     direction == StreamSocket::Direction::kRead
                         ? ResumeWriting<StreamSocket::Direction::kRead>
                         : ResumeWriting<StreamSocket::Direction::kWrite>);
}

template <StreamSocket::Direction direction>
void SocketConnection::ResumeWriting(StreamConnection& connection) {
  auto& self = static_cast<SocketConnection&>(connection);
  self.is_waiting_to_write_[static_cast<std::size_t>(direction)] = false;
  self.OnWritable();
}

void SocketConnection::OnReadable() {
  service_.RefreshClock();
  for (int i = 0; i < kReadsPerTurn && !is_ending_; ++i) {
    if (stream_.HasToWait()) return;  // OnWritable takes it up again
    if (stream_.is_held_back()) {
      if (!stream_.Resume()) return End(false);
      continue;
    }
    switch (ReadOnce()) {
      case ReadResult::kMore:
        continue;
      case ReadResult::kDrained:
        WaitReadable();
        return;
      case ReadResult::kBlocked:
      case ReadResult::kEnd:
        return;
    }
  }
  if (is_ending_ || stream_.HasToWait()) return;
  if (socket_.has_buffered() || stream_.is_held_back()) {
    service_.Soon(client().handle, [](StreamConnection& connection) {
      static_cast<SocketConnection&>(connection).OnReadable();
    });
    return;
  }
  WaitReadable();
}

SocketConnection::ReadResult SocketConnection::ReadOnce() {
  const StreamOutcome outcome = socket_.Read(stream_.Room());
  switch (outcome.status) {
    case Status::kDone:
      if (stream_.Received(outcome.bytes)) return ReadResult::kMore;
      End(false);
      return ReadResult::kEnd;
    case Status::kWantRead:
      return ReadResult::kDrained;
    case Status::kWantWrite:
      read_wants_write_ = true;
      WaitToWrite(StreamSocket::Direction::kWrite);
      return ReadResult::kBlocked;
    case Status::kEnd:
      End(false);
      return ReadResult::kEnd;
    case Status::kFailed:
      break;
  }
  End(true);
  return ReadResult::kEnd;
}

void SocketConnection::SendControl(base::Bytes message) {
  service_.FlushData();
  if (HasWaiting()) return output_.AddControl(message);
  if (const std::size_t taken = WriteAtOnce(message); taken < message.size()) {
    output_.Begin(message, taken);
    WriteWaiting();
  }
}

void SocketConnection::SendData(base::Bytes message) { service_.Gather(client().handle, message); }

// Under TLS each message has a record of its own: turnutils_uclient, for one, takes what a record
// holds for one message.
void SocketConnection::SendGathered(GatheredData& data) {
  std::size_t taken = 0;
  if (!HasWaiting()) {
    taken = socket_.is_tls() ? WriteRecords(data) : WriteAtOnce(data.Joined());
  }
  for (const base::Bytes message : data.messages()) {
    if (taken >= message.size()) {
      taken -= message.size();
    } else if (taken > 0) {
      output_.Begin(message, std::exchange(taken, 0U));
    } else {
      Count(output_.AddData(message, service_.now().monotonic));
    }
  }
  if (!output_.empty() && !IsWaitingToWrite()) WriteWaiting();
}

std::size_t SocketConnection::WriteAtOnce(base::Bytes octets) {
  const StreamOutcome outcome = socket_.Write(octets);
  if (outcome.status == Status::kDone) return outcome.bytes;
  if (MustWait(outcome)) {
    output_.Begin(octets, 0);
    WaitToWrite(DirectionOf(outcome));
  } else {
    End(true);
  }
  return octets.size();
}

std::size_t SocketConnection::WriteRecords(const GatheredData& data) {
  const StreamOutcome outcome = socket_.WriteEach(data.messages());
  if (outcome.status != Status::kDone && !MustWait(outcome)) {
    End(true);
    return data.bytes();
  }
  if (socket_.has_unsent()) {
    WaitToWrite(StreamSocket::Direction::kWrite);
  } else if (MustWait(outcome)) {
    WaitToWrite(DirectionOf(outcome));
  }
  return outcome.bytes;
}

void SocketConnection::OnWritable() {
  service_.RefreshClock();
  if (std::exchange(read_wants_write_, false)) OnReadable();
  if (read_wants_write_) return;
  WriteWaiting();
  if (!is_waiting_to_read_ && !is_ending_) OnReadable();
}

void SocketConnection::WriteWaiting() {
  Count(output_.DropExpired(service_.now().monotonic));
  StreamOutcome outcome = socket_.SendUnsent();
  while (outcome.status == Status::kDone) {
    const base::Bytes next = output_.Next();
    if (next.empty()) break;
    outcome = socket_.Write(next);
    output_.Consume(outcome.bytes);
  }
  if (MustWait(outcome)) return WaitToWrite(DirectionOf(outcome));
  if (outcome.status != Status::kDone) return End(true);
  if (is_ending_) service_.ScheduleClose(client().handle);
}

void SocketConnection::Release() {
  stream_.Release();
  service_.Soon(client().handle, [](StreamConnection& connection) {
    auto& self = static_cast<SocketConnection&>(connection);
    if (!self.is_waiting_to_read_ && !self.is_ending_) self.OnReadable();
  });
}

void SocketConnection::PrepareToDetach() {
  Hold();
  Count(output_.DropData());
}

SocketConnection::Detached SocketConnection::Detach() {
  socket_.CancelWaits();
  StreamOutput::Dropped dropped;
  std::vector<std::uint8_t> unsent = output_.TakeAnswers(dropped);
  Count(dropped);
  return {std::move(socket_), stream_.TakeUnread(), std::move(unsent)};
}

std::optional<ConnectionImage> SocketConnection::TakeImage() {
  if (socket_.is_tls() || is_ending_ || stream_.is_on_hold()) return std::nullopt;
  ConnectionImage image{client(), stream_.had_valid_message(), stream_.unread(),
                        output_.CopyAnswers(), socket_.descriptor()};
  if (image.unread.size() + image.unsent.size() > ConnectionImage::kMostBytes) return std::nullopt;
  return image;
}

void SocketConnection::End(bool immediately) {
  if (is_ending_ && !immediately) return;
  is_ending_ = true;
  stream_.Stop();
  const bool has_unsent = !output_.empty() || socket_.has_unsent();
  if (immediately || !has_unsent) service_.ScheduleClose(client().handle);
}

}  // namespace relay
