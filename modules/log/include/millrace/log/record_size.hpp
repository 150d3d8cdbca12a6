// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/record.hpp"

namespace millrace::log {

/// The size of a record that LogOptions::max_record_bytes limits: its size as the first record of a
/// batch, without its length field.
[[nodiscard]] std::size_t record_bytes(const Record& record);

/// Checks the size of a record; the rule is the same for every log. A log checks each commit. Code
/// that puts records of several callers into one commit should check each record first, so that a
/// record that is too large does not fail the others. errc::too_large names the size and the limit.
[[nodiscard]] Status check_record_size(std::size_t bytes, const LogOptions& options);
[[nodiscard]] inline Status check_record_size(const Record& record, const LogOptions& options) {
  return check_record_size(record_bytes(record), options);
}

}  // namespace millrace::log
