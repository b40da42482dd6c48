#include "server/control/log_settings.h"

namespace relay {

LogFormat LogFormatOf(const Config::Log& settings) {
  return settings.format == Config::LogFormat::kJson ? LogFormat::kJson : LogFormat::kText;
}

LogLevel LogLevelOf(const Config::Log& settings) {
  switch (settings.level) {
    case Config::LogLevel::kTrace:
    case Config::LogLevel::kDebug:
      return LogLevel::kDebug;
    case Config::LogLevel::kInfo:
      return LogLevel::kInfo;
    case Config::LogLevel::kWarning:
      return LogLevel::kWarning;
    case Config::LogLevel::kError:
      break;
  }
  return LogLevel::kError;
}

}  // namespace relay
