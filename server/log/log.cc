#include "server/log/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include <charconv>
#include <cmath>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>

#include "server/log/log_text.h"
#include "server/log/stderr_writer.h"

namespace relay {
namespace {

// What a pipe takes in one piece (PIPE_BUF), less the end of the line.
constexpr std::size_t kMaxLineBytes = 4000;
constexpr std::size_t kMaxMessageBytes = 512;

class WriterSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::uint64_t dropped_lines() const { return writer_.dropped_lines(); }

 protected:
  // The payload is the finished line.
  void sink_it_(const spdlog::details::log_msg& message) override {
    writer_.Write(std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

 private:
  StderrWriter writer_;
};

struct Logger {
  std::shared_ptr<WriterSink> sink = std::make_shared<WriterSink>();
  spdlog::logger logger{"senso-turn", sink};
  std::atomic<LogFormat> format{LogFormat::kText};
};

// Never destroyed: threads may still log while the process ends.
Logger& TheLogger() {
  static Logger& logger = *new Logger;
  return logger;
}

spdlog::level::level_enum ForeignLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// RFC 3339, UTC, milliseconds.
void AppendTime(std::string& out, base::WallTime time) {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::floor,
      std::chrono::seconds;
  const auto whole = floor<seconds>(time);
  out += TimeText(whole);
  out.back() = '.';
  std::string fraction = std::to_string(duration_cast<milliseconds>(time - whole).count());
  fraction.insert(0, fraction.size() < 3 ? 3 - fraction.size() : 0, '0');
  out += fraction + "Z";
}

void AppendNumber(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";  // JSON has no word for it
    return;
  }
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), number);
  out.append(buffer, end.ptr);
}

std::string FormatValue(LogFormat format, const LogField::Value& value) {
  std::string out;
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    format == LogFormat::kJson ? AppendJsonString(out, *text) : AppendLogText(out, *text);
  } else if (const auto* truth = std::get_if<bool>(&value)) {
    out = *truth ? "true" : "false";
  } else if (const auto* real = std::get_if<double>(&value)) {
    AppendNumber(out, *real);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    out = std::to_string(*integer);
  } else {
    out = std::to_string(std::get<std::uint64_t>(value));
  }
  return out;
}

std::string FormatField(LogFormat format, const LogField& field) {
  std::string out;
  if (format == LogFormat::kJson) {
    out += ',';
    AppendJsonString(out, field.key);
    out += ':';
  } else {
    out += ' ';
    out += field.key;
    out += '=';
  }
  return out + FormatValue(format, field.value);
}

std::string FormatHead(LogFormat format, base::WallTime time, LogLevel level,
                       std::string_view message) {
  std::string out;
  if (format == LogFormat::kJson) {
    out += "{\"time\":\"";
    AppendTime(out, time);
    out += "\",\"level\":\"" + std::string(ToString(level)) + "\",\"message\":";
    AppendJsonString(out, message, kMaxMessageBytes);
    return out;
  }
  AppendTime(out, time);
  out += ' ' + std::string(ToString(level)) + ' ';
  // A plain sentence stands without quotes; anything odd in it is quoted and escaped as a whole.
  std::string escaped;
  AppendLogText(escaped, message, kMaxMessageBytes);
  const bool is_plain =
      escaped.size() == message.size() + 2 && escaped.compare(1, message.size(), message) == 0;
  out += is_plain ? std::string(message) : escaped;
  return out;
}

std::string FormatLine(LogFormat format, LogLevel level, std::string_view message,
                       std::initializer_list<LogField> fields) {
  std::string line = FormatHead(format, std::chrono::system_clock::now(), level, message);
  bool is_truncated = false;
  for (const LogField& field : fields) {
    const std::string text = FormatField(format, field);
    if (line.size() + text.size() > kMaxLineBytes) {
      is_truncated = true;
      continue;
    }
    line += text;
  }
  if (is_truncated) line += FormatField(format, {"is_truncated", true});
  if (format == LogFormat::kJson) line += '}';
  return line + '\n';
}

}  // namespace

std::string_view ToString(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "";
}

void InitLog(LogFormat format, LogLevel level) {
  SecureStandardDescriptors();
  SetLogFormat(format);
  SetLogLevel(level);
}

void SetLogFormat(LogFormat format) { TheLogger().format.store(format, std::memory_order_relaxed); }

void SetLogLevel(LogLevel level) { TheLogger().logger.set_level(ForeignLevel(level)); }

bool IsLogged(LogLevel level) { return TheLogger().logger.should_log(ForeignLevel(level)); }

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!IsLogged(level)) return;
  Logger& logger = TheLogger();
  const std::string line =
      FormatLine(logger.format.load(std::memory_order_relaxed), level, message, fields);
  logger.logger.log(ForeignLevel(level), spdlog::string_view_t(line.data(), line.size()));
}

std::uint64_t DroppedLogLines() { return TheLogger().sink->dropped_lines(); }

std::optional<std::uint64_t> LogLimiter::Admit(base::MonotonicTime now) {
  const std::int64_t now_nanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  std::int64_t next = next_nanoseconds_.load(std::memory_order_relaxed);
  // Of two threads that come at once only one may write.
  if (now_nanoseconds < next ||
      !next_nanoseconds_.compare_exchange_strong(next, now_nanoseconds + interval_.count(),
                                                 std::memory_order_relaxed)) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  return suppressed_.exchange(0, std::memory_order_relaxed);
}

}  // namespace relay
