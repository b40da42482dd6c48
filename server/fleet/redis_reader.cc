#include "server/fleet/redis_reader.h"

#include <hiredis/hiredis.h>

#include "protocol/base/check.h"

namespace relay {
namespace {

constexpr std::string_view kTooLong = "its answer is too long";
constexpr std::string_view kOtherProtocol = "it does not speak the protocol";

// What hiredis makes of each kind of answer unless told otherwise.
const redisReplyObjectFunctions& Defaults() {
  static const redisReplyObjectFunctions functions = [] {
    redisReader* const reader = redisReaderCreate();
    CHECK(reader != nullptr);
    const redisReplyObjectFunctions copy = *reader->fn;
    redisReaderFree(reader);
    return copy;
  }();
  return functions;
}

}  // namespace

void RedisReader::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

RedisReader::RedisReader() {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions bounded = Defaults();
    bounded.createArray = &RedisReader::MakeArray;
    return bounded;
  }();
  reader_.reset(redisReaderCreateWithFunctions(&functions));
  CHECK(reader_ != nullptr);
  reader_->privdata = this;
}

RedisReader::~RedisReader() = default;

void* RedisReader::MakeArray(const redisReadTask* task, int elements) {
  auto& self = *static_cast<RedisReader*>(task->privdata);
  if (elements < 0 || static_cast<std::size_t>(elements) > kMaxElements - self.elements_) {
    self.trouble_ = kTooLong;
    return nullptr;  // hiredis takes that for the end of the memory, and stops
  }
  self.elements_ += static_cast<std::size_t>(elements);
  return Defaults().createArray(task, elements);
}

bool RedisReader::IsTooLong() const {
  if (octets_ > kMaxOctets) return true;
  // A line without an end would be searched for it from its beginning with whatever comes.
  const std::string_view unread(reader_->buf + reader_->pos, reader_->len - reader_->pos);
  return unread.size() > kMaxLineOctets &&
         unread.substr(0, kMaxLineOctets).find("\r\n") == std::string_view::npos;
}

void RedisReader::Feed(std::string_view octets) {
  if (!trouble_.empty()) return;
  octets_ += octets.size();
  if (redisReaderFeed(reader_.get(), octets.data(), octets.size()) != REDIS_OK)
    trouble_ = kOtherProtocol;
}

std::optional<RedisReply> RedisReader::Next() {
  if (!trouble_.empty()) return std::nullopt;
  void* raw = nullptr;
  if (redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) {
    if (trouble_.empty()) trouble_ = kOtherProtocol;
    return std::nullopt;
  }
  if (raw == nullptr) {
    if (IsTooLong()) trouble_ = kTooLong;
    return std::nullopt;
  }
  const std::unique_ptr<void, decltype(&freeReplyObject)> owned(raw, &freeReplyObject);
  elements_ = 0;
  octets_ = reader_->len - reader_->pos;
  return RedisReply::From(*static_cast<const redisReply*>(raw));
}

}  // namespace relay
