// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

#include "wire/compressor.hpp"

namespace millrace::log::kafka::wire {

/// Appends a whole batch that no codec has touched yet, its records compressed. It is appended as
/// it is when they would not be smaller, which a broker takes beside compressed ones.
void append_compressed_batch(const Compression& compression, std::string_view plain,
                             std::string& out);

}  // namespace millrace::log::kafka::wire
