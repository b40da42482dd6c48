#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <variant>

#include "protocol/base/time.h"

// The log: one line an event to standard error, as text or as a JSON object. Never per packet,
// never a secret. Every function may be called on any thread, before InitLog too (text, info), and
// none waits for the reader.
namespace relay {

enum class LogFormat : std::uint8_t { kText, kJson };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning", "error".
std::string_view ToString(LogLevel level);

// Call once, before other threads exist. Also sees to it that SIGPIPE is ignored and that
// descriptors 0 to 2 are open.
void InitLog(LogFormat format, LogLevel level);
void SetLogFormat(LogFormat format);
// Lines below this level are not written.
void SetLogLevel(LogLevel level);

// A view for the duration of the call. Values may come from strangers: they are escaped and cut.
struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  LogField(std::string_view field_key, std::string_view text) : key(field_key), value(text) {}
  LogField(std::string_view field_key, const char* text)
      : key(field_key), value(std::string_view(text)) {}
  LogField(std::string_view field_key, bool truth) : key(field_key), value(truth) {}
  LogField(std::string_view field_key, double number) : key(field_key), value(number) {}
  template <std::signed_integral Number>
  LogField(std::string_view field_key, Number number)
      : key(field_key), value(std::int64_t{number}) {}
  template <std::unsigned_integral Number>
    requires(!std::same_as<Number, bool>)
  LogField(std::string_view field_key, Number number)
      : key(field_key), value(std::uint64_t{number}) {}

  std::string_view key;  // ours: snake_case, a unit in it where it has one
  Value value;
};

// `message` is a sentence of ours without a final stop.
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

// Whether a line of this level would be written, to spare the work of preparing it.
bool IsLogged(LogLevel level);

// Lines that were lost because nobody read standard error.
std::uint64_t DroppedLogLines();

// Holds one call site to a line per interval, for events that a stranger can cause:
//
//   static LogLimiter limiter(std::chrono::seconds(10));
//   if (const auto suppressed = limiter.Admit(now)) Log(..., {{"suppressed", *suppressed}});
class LogLimiter {
 public:
  explicit LogLimiter(std::chrono::nanoseconds interval) : interval_(interval) {}

  // nullopt: not now. Else how often that has been the answer since the last line. Any thread.
  std::optional<std::uint64_t> Admit(base::MonotonicTime now);

 private:
  const std::chrono::nanoseconds interval_;
  std::atomic<std::int64_t> next_nanoseconds_{INT64_MIN};
  std::atomic<std::uint64_t> suppressed_{0};
};

}  // namespace relay
