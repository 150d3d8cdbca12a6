// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "url.hpp"

namespace millrace::log::kafka::wire {

/// By the numbers in the attributes of a batch (Kafka's CompressionType.java).
enum class Codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };

/// How the records of a batch are compressed before they are sent.
struct Compression {
  /// The level that a codec has when none is asked for: 6 of gzip, 3 of zstd, the fastest of lz4.
  static constexpr int default_level = -1;

  Codec codec = Codec::none;
  int level = default_level;  ///< up to 12; gzip has none above 9, and snappy none at all

  /// From librdkafka's settings `compression.type` (or `compression.codec`) and
  /// `compression.level`. errc::invalid_argument names the setting and its values.
  [[nodiscard]] static Result<Compression> of(const Settings& settings);
  friend bool operator==(const Compression&, const Compression&) = default;
};

/// Appends `in`, at most 2 GiB, as Kafka's own producer would write it: gzip; snappy in the blocks
/// of Java's SnappyOutputStream; lz4 as a frame of independent blocks of 64 KiB, since Kafka reads
/// no others; zstd as one frame. False, and `out` as it was, when that is not smaller than `in`,
/// when the codec has no memory for its work, or without a codec. Thread-safe; each thread keeps
/// the working memory of lz4 and up to 16 MiB of that of zstd.
[[nodiscard]] bool compress(const Compression& compression, std::string_view in, std::string& out);

}  // namespace millrace::log::kafka::wire
