// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>

#include "millrace/codec/envelope.hpp"

namespace millrace::codec {

inline constexpr std::size_t traceparent_bytes = 55;

/// What append_traceparent() appends, into 55 bytes at `out`.
void write_traceparent(char* out, const TraceContext& trace);

}  // namespace millrace::codec
