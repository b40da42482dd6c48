#include "server/net/stream_output.h"

namespace relay {

std::size_t StreamOutput::Add(Kind kind, base::Bytes message, std::size_t already_written) {
  std::size_t dropped = 0;
  if (kind == Kind::kData && already_written == 0) {
    auto oldest = messages_.begin();
    while (data_bytes_ + message.size() > max_data_bytes_ && oldest != messages_.end()) {
      if (oldest->kind != Kind::kData || oldest->written != 0) {
        ++oldest;
        continue;
      }
      data_bytes_ -= oldest->octets.size();
      oldest = messages_.erase(oldest);
      ++dropped;
    }
    if (data_bytes_ + message.size() > max_data_bytes_) return dropped + 1;
  }
  messages_.push_back({kind, already_written, {message.begin(), message.end()}});
  bytes_of(kind) += message.size();
  return dropped;
}

base::Bytes StreamOutput::front() const {
  if (messages_.empty()) return {};
  const Message& message = messages_.front();
  return base::Bytes(message.octets).subspan(message.written);
}

void StreamOutput::Consume(std::size_t bytes) {
  while (bytes > 0 && !messages_.empty()) {
    Message& message = messages_.front();
    const std::size_t rest = message.octets.size() - message.written;
    if (bytes < rest) {
      message.written += bytes;
      return;
    }
    bytes -= rest;
    bytes_of(message.kind) -= message.octets.size();
    messages_.pop_front();
  }
}

}  // namespace relay
