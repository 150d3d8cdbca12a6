// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace millrace::log::kafka::wire {

/// Appends to `out` what the records of a batch were before they were compressed. `codec` is that
/// of the batch's attributes (Kafka's CompressionType.java): 1 gzip; 2 snappy, bare or in the
/// blocks that Java's SnappyOutputStream writes; 3 lz4 in its frame format; 4 zstd. errc::too_large
/// when that would be more than `max_bytes`, errc::corrupt when the bytes are not of that codec,
/// end early or the codec is unknown; both name the codec and leave `out` as it was. Safe on
/// hostile input: memory stays in proportion to what is appended, and to 128 MiB for zstd's window.
/// Thread-safe; each thread keeps the working memory of lz4 and zstd.
[[nodiscard]] Status decompress(unsigned codec, std::string_view in, std::size_t max_bytes,
                                std::string& out);

}  // namespace millrace::log::kafka::wire
