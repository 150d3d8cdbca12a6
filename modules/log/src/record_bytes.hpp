// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/log/record.hpp"

namespace millrace::log {

/// Encoded size of a record without its own length field.
[[nodiscard]] std::size_t record_body_bytes(const Record& record, std::int64_t timestamp_delta,
                                            std::int32_t offset_delta);

}  // namespace millrace::log
