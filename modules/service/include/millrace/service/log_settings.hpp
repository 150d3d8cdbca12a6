// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::service {

/// Parses `sync`, `os` or `interval=MS` into the options. errc::invalid_argument lists the allowed
/// values.
[[nodiscard]] Status read_durability(std::string_view text, log::LogOptions& options);

/// A setting that is the same for all processes of a log and for as long as the log is kept, with
/// the value that this process was started with.
struct LogSetting {
  std::string name;  ///< as Setting::name
  std::string value;
};

/// Compares such settings with the values that the log has, and stores those that the log does not
/// have yet. If several processes start at the same time with different values, only one continues:
/// the first record of a name in the topic `__millrace.settings` counts. errc::invalid_argument
/// names both values; also the errors of the log. `who` is the name of the program.
[[nodiscard]] Status agree_on_settings(log::Log& log, Clock& clock,
                                       std::span<const LogSetting> settings, std::string_view who);

}  // namespace millrace::service
