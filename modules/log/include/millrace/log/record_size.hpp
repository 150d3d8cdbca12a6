// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/record.hpp"

namespace millrace::log {

/// The size of a record, as LogOptions::max_record_bytes limits it: encoded as the first of its
/// batch, without its own length field. A check before a commit uses this size.
[[nodiscard]] std::size_t record_bytes(const Record& record);

/// The rule on the size of a record, the same for every log. A log asks it of each commit. Code
/// that gathers records of others into one commit asks it first, so that a record that is too large
/// costs only itself. errc::too_large names size and limit.
[[nodiscard]] Status check_record_size(std::size_t bytes, const LogOptions& options);
[[nodiscard]] inline Status check_record_size(const Record& record, const LogOptions& options) {
  return check_record_size(record_bytes(record), options);
}

}  // namespace millrace::log
