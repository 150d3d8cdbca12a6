// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/logger.hpp"

#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/base/time_text.hpp"

namespace millrace::telemetry {

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
    case Level::off:
      break;
  }
  return "off";
}

Result<Level> parse_level(std::string_view name) {
  for (const Level level : {Level::debug, Level::info, Level::warn, Level::error, Level::off}) {
    if (name == level_name(level)) {
      return level;
    }
  }
  return fail(errc::invalid_argument,
              "'" + std::string(name) + "' is no log level; use debug, info, warn, error or off");
}

Logger::Logger(Options options, Clock& clock, std::shared_ptr<LogSink> sink)
    : clock_(clock), sink_(std::move(sink)), level_(options.level) {
  MILLRACE_ASSERT(sink_ != nullptr, "a logger needs a sink");
  fixed_ += ',';
  append_json_field(fixed_, {"service", options.service});
  if (options.pid != 0) {
    fixed_ += ',';
    append_json_field(fixed_, {"pid", options.pid});
  }
}

void Logger::log(Level level, std::string_view message, std::span<const Field> fields) {
  if (!enabled(level)) {
    return;
  }
  // One buffer per thread: a line costs no allocation once the longest has been seen.
  thread_local std::string line;
  line.assign(R"({"time":")");
  append_time(line, clock_.wall_ms());
  line += R"(",)";
  append_json_field(line, {"level", level_name(level)});
  line += fixed_;
  line += ',';
  append_json_field(line, {"message", message});
  for (const Field& field : fields) {
    line += ',';
    append_json_field(line, field);
  }
  line += "}\n";
  sink_->write(line);
}

Logger& null_logger() {
  class NullSink final : public LogSink {
    void write(std::string_view /*line*/) override {}
  };
  static ManualClock clock;
  static Logger logger({.service = "", .pid = 0, .level = Level::off}, clock,
                       std::make_shared<NullSink>());
  return logger;
}

}  // namespace millrace::telemetry
