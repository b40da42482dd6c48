#include "server/net/stream_output.h"

#include <algorithm>
#include <utility>

#include "protocol/base/check.h"

namespace relay {

void StreamOutput::Begin(base::Bytes message, std::size_t written) {
  CHECK(empty());
  const base::Bytes rest = message.subspan(written);
  current_.emplace(rest.begin(), rest.end());
  current_written_ = 0;
}

void StreamOutput::AddControl(base::Bytes message) {
  control_.emplace_back(message.begin(), message.end());
  control_bytes_ += message.size();
}

StreamOutput::Dropped StreamOutput::AddData(base::Bytes message, base::MonotonicTime now) {
  Dropped dropped = DropExpired(now);
  const std::size_t limit =
      backlog_.bytes < kCrowdedBytes ? kMaxDataBytes : kMaxDataBytesWhenCrowded;
  while (!data_.empty() && data_bytes_ + message.size() > limit) {
    DropOldest();
    ++dropped.full;
  }
  if (message.size() > limit) {
    ++dropped.full;
    return dropped;
  }
  data_.push_back({now, {message.begin(), message.end()}});
  data_bytes_ += message.size();
  backlog_.bytes += message.size();
  return dropped;
}

StreamOutput::Dropped StreamOutput::DropExpired(base::MonotonicTime now) {
  Dropped dropped;
  while (!data_.empty() && now - data_.front().since > kMaxDataAge) {
    DropOldest();
    ++dropped.expired;
  }
  return dropped;
}

void StreamOutput::DropOldest() {
  const std::size_t bytes = data_.front().octets.size();
  data_bytes_ -= bytes;
  backlog_.bytes -= bytes;
  data_.pop_front();
}

base::Bytes StreamOutput::Next() {
  if (!current_) {
    if (!control_.empty()) {
      current_ = std::move(control_.front());
      control_.pop_front();
      control_bytes_ -= current_->size();
    } else if (!data_.empty()) {
      current_ = std::move(data_.front().octets);
      data_.front().octets.clear();
      data_.pop_front();
      data_bytes_ -= current_->size();
      backlog_.bytes -= current_->size();
    } else {
      return {};
    }
    current_written_ = 0;
  }
  return base::Bytes(*current_).subspan(current_written_);
}

std::optional<std::vector<std::uint8_t>> StreamOutput::Take() {
  if (Next().empty()) return std::nullopt;
  CHECK(current_written_ == 0);
  return std::exchange(current_, std::nullopt);
}

StreamOutput::Dropped StreamOutput::DropData() {
  Dropped dropped;
  for (; !data_.empty(); ++dropped.full) DropOldest();
  return dropped;
}

std::vector<std::uint8_t> StreamOutput::TakeAnswers(Dropped& dropped) {
  dropped = DropData();
  std::vector<std::uint8_t> all;
  for (base::Bytes next = Next(); !next.empty(); next = Next()) {
    all.insert(all.end(), next.begin(), next.end());
    Consume(next.size());
  }
  return all;
}

std::vector<std::uint8_t> StreamOutput::CopyAnswers() const {
  std::vector<std::uint8_t> all;
  if (current_) {
    const base::Bytes rest = base::Bytes(*current_).subspan(current_written_);
    all.assign(rest.begin(), rest.end());
  }
  for (const std::vector<std::uint8_t>& each : control_)
    all.insert(all.end(), each.begin(), each.end());
  return all;
}

void StreamOutput::Consume(std::size_t bytes) {
  CHECK(current_ && bytes <= current_->size() - current_written_);
  current_written_ += bytes;
  if (current_written_ == current_->size()) current_.reset();
}

}  // namespace relay
