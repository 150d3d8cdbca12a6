// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/telemetry/logger.hpp"

#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/base/json_writer.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/base/time_text.hpp"

namespace millrace::telemetry {

Result<Level> parse_level(std::string_view name) {
  for (const Level level : {Level::debug, Level::info, Level::warn, Level::error, Level::off}) {
    if (name == level_name(level)) {
      return level;
    }
  }
  return fail(errc::invalid_argument, "'{}' is no log level; use debug, info, warn, error or off",
              name);
}

Logger::Logger(Options options, Clock& clock, std::shared_ptr<LogSink> sink)
    : clock_(clock),
      sink_(std::move(sink)),
      level_(options.level),
      service_(std::move(options.service)),
      pid_(options.pid) {
  MILLRACE_ASSERT(sink_ != nullptr, "a logger needs a sink");
}

void Logger::log(Level level, std::string_view message, std::span<const Field> fields) {
  if (!enabled(level)) {
    return;
  }
  // One buffer per thread: a line costs no allocation once the longest has been seen.
  thread_local std::string line;
  thread_local std::string time;
  line.clear();
  time.clear();
  append_time(time, clock_.wall_ms());
  {
    JsonWriter out(line);
    out.begin_object().field("time", time).field("level", level_name(level));
    out.field("service", service_);
    if (pid_ != 0) {
      out.field("pid", pid_);
    }
    out.field("message", message);
    for (const Field& field : fields) {
      write_field(out, field);
    }
    out.end_object();
  }
  // Much of it is of others, and the line may go to a terminal.
  line = printable_json(line);
  line += '\n';
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
