#include "server/net/connection_census.h"

namespace relay {

bool ConnectionCensus::Enter(const base::IpAddress& source) {
  const std::lock_guard lock(mutex_);
  std::uint32_t& count = by_source_[source];
  if (limit_ != 0 && count >= limit_) return false;
  ++count;
  return true;
}

void ConnectionCensus::EnterBeyondLimit(const base::IpAddress& source) {
  const std::lock_guard lock(mutex_);
  ++by_source_[source];
}

void ConnectionCensus::Leave(const base::IpAddress& source) {
  const std::lock_guard lock(mutex_);
  const auto found = by_source_.find(source);
  if (found != by_source_.end() && --found->second == 0) by_source_.erase(found);
}

void ConnectionCensus::SetLimit(std::uint32_t limit_per_source) {
  const std::lock_guard lock(mutex_);
  limit_ = limit_per_source;
}

}  // namespace relay
