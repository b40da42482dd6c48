#include "server/net/gathered_data.h"

#include <algorithm>

namespace relay {

bool GatheredData::Add(base::Bytes message) {
  if (count_ > 0 && (count_ == kMaxMessages || bytes_ + message.size() > kMaxBytes)) return false;
  messages_[count_++] = message;
  bytes_ += message.size();
  return true;
}

base::Bytes GatheredData::Joined() {
  if (count_ == 1) return messages_[0];
  auto end = buffer_.begin();
  for (const base::Bytes message : messages()) end = std::ranges::copy(message, end).out;
  return base::Bytes(buffer_).first(bytes_);
}

}  // namespace relay
