// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>

#include "millrace/log/record.hpp"

namespace millrace::log {

/// The size of a record, as LogOptions::max_record_bytes limits it: encoded as the first of its
/// batch, without its own length field. Whoever checks before a commit checks by this.
[[nodiscard]] std::size_t record_bytes(const Record& record);

}  // namespace millrace::log
