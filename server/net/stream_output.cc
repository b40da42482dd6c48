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
  control_bytes_ += CostOf(message);
}

StreamOutput::Dropped StreamOutput::AddData(base::Bytes message, base::MonotonicTime now) {
  Dropped dropped = DropExpired(now);
  const std::size_t limit = MaxDataBytes();
  const std::size_t cost = CostOf(message);
  if (cost > limit) {
    ++dropped.full;
    return dropped;
  }
  while (!data_.empty() && data_bytes_ + cost > limit) {
    TakeOldest();
    ++dropped.full;
  }
  data_.push_back({now, {message.begin(), message.end()}});
  data_bytes_ += cost;
  backlog_.bytes += cost;
  return dropped;
}

std::size_t StreamOutput::MaxDataBytes() const {
  if (backlog_.bytes < backlog_.crowded_bytes) return kMaxDataBytes;
  if (backlog_.bytes < 2 * backlog_.crowded_bytes) return kMaxDataBytesWhenCrowded;
  return std::min(data_bytes_, kMaxDataBytesWhenCrowded);
}

StreamOutput::Dropped StreamOutput::DropExpired(base::MonotonicTime now) {
  Dropped dropped;
  while (!data_.empty() && now - data_.front().since > kMaxDataAge) {
    TakeOldest();
    ++dropped.expired;
  }
  return dropped;
}

std::vector<std::uint8_t> StreamOutput::TakeOldest() {
  std::vector<std::uint8_t> octets = std::move(data_.front().octets);
  data_.pop_front();
  data_bytes_ -= CostOf(octets);
  backlog_.bytes -= CostOf(octets);
  return octets;
}

base::Bytes StreamOutput::Next() {
  if (!current_) {
    if (!control_.empty()) {
      current_ = std::move(control_.front());
      control_.pop_front();
      control_bytes_ -= CostOf(*current_);
    } else if (!data_.empty()) {
      current_ = TakeOldest();
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
  for (; !data_.empty(); ++dropped.full) TakeOldest();
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
