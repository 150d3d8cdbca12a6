// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/level.hpp"
#include "millrace/telemetry/field.hpp"
#include "millrace/telemetry/log_sink.hpp"

namespace millrace::telemetry {

using millrace::Level;
using millrace::level_name;

/// The level with this name. For another name errc::invalid_argument, with a list of the names.
[[nodiscard]] Result<Level> parse_level(std::string_view name);

/// Writes JSON lines, one object per line, members in this order:
///
///     {"time":"2010-12-01T08:26:00.000Z","level":"info","service":"stock","pid":4711,"message":"restored",
///      "correlation_id":"c-1","topic":"stock","records":12}
///
/// Thread-safe. Library code gets a `Logger&` as an argument; pass `null_logger()` to write no
/// lines.
///
///     log.warn("batch refused", {{"topic", topic}, {"offset", offset}, correlation(id)});
class Logger {
 public:
  /// `service` and `pid` are in every line. `pid` is the id of the process; with 0 (in simulations)
  /// it is left out.
  struct Options {
    std::string service{};
    std::int64_t pid = 0;
    Level level = Level::info;
  };

  /// `clock` is used for the time of each line and must outlive the logger.
  Logger(Options options, Clock& clock, std::shared_ptr<LogSink> sink);
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(Level::debug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(Level::info, message, fields);
  }
  void warn(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(Level::warn, message, fields);
  }
  void error(std::string_view message, std::initializer_list<Field> fields = {}) {
    log(Level::error, message, fields);
  }

  /// Writes a line unless its level is below the level of the logger. If two fields have the same
  /// name, both are written; readers usually take the last one.
  void log(Level level, std::string_view message, std::initializer_list<Field> fields) {
    log(level, message, std::span<const Field>(fields.begin(), fields.size()));
  }
  void log(Level level, std::string_view message, std::span<const Field> fields);

  /// True if a line with this level would be written; for lines that are expensive to prepare.
  [[nodiscard]] bool enabled(Level level) const {
    return level != Level::off && level >= level_.load(std::memory_order_relaxed);
  }
  /// Sets the level; it takes effect for the next line of any thread.
  void set_level(Level level) { level_.store(level, std::memory_order_relaxed); }

 private:
  Clock& clock_;
  std::shared_ptr<LogSink> sink_;
  std::atomic<Level> level_;
  const std::string service_;
  const std::int64_t pid_;
};

/// A logger that writes nothing. Lives for the whole program.
[[nodiscard]] Logger& null_logger();

}  // namespace millrace::telemetry
