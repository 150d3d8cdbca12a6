// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/log/types.hpp"

namespace millrace::log {

/// One header of a record. Valid as long as the bytes from which it was read.
struct HeaderView {
  std::string_view key;
  std::optional<std::string_view> value;
};

/// The headers of a record, as encoded in a RecordBatch v2 (per header: varint key length, key,
/// varint value length or -1, value). A cheap view, valid as long as the bytes from which it was
/// read.
class HeadersView {
 public:
  HeadersView() = default;
  HeadersView(std::string_view encoded, std::int32_t count) : encoded_(encoded), count_(count) {}

  [[nodiscard]] std::int32_t size() const { return count_; }
  /// The encoded headers without their count. To copy all headers to another record, copy these
  /// bytes.
  [[nodiscard]] std::string_view encoded() const { return encoded_; }
  /// Reads the next header and moves the cursor, which begins as encoded(). False at the end.
  static bool next(std::string_view& cursor, HeaderView& out);
  /// The value of the first header with this key; no value if there is no such header or its value
  /// is null.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const;

 private:
  std::string_view encoded_;
  std::int32_t count_ = 0;
};

/// Builds encoded headers. Reusable; not thread-safe.
class HeadersBuilder {
 public:
  HeadersBuilder& add(std::string_view key, std::optional<std::string_view> value);
  void clear();
  /// Valid until the next change.
  [[nodiscard]] HeadersView view() const { return {encoded_, count_}; }

 private:
  std::string encoded_;
  std::int32_t count_ = 0;
};

/// A record to write. Its views are copied when it is added to a Transaction. Key and value may be
/// missing, as in Kafka; a record with a key and without a value is a tombstone.
struct Record {
  std::int64_t timestamp_ms = 0;  ///< event time
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  HeadersView headers;
};

/// A record that was read. Valid until its FetchBuffer is used again or destroyed.
struct RecordView : Record {
  Offset offset;
};

}  // namespace millrace::log
