// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>

#include "millrace/codec/typed_object.hpp"
#include "millrace/stream/detail/graph.hpp"

namespace millrace::stream {
class StagedStore;
}

namespace millrace::stream::detail {

/// An operator's way to the task's part of a store. Keeps its buffers.
class StoredTable {
 public:
  explicit StoredTable(const TableSpec& spec) : spec_(spec), value_(*spec.value) {}
  void open(TaskContext& context);

  /// Decodes what the key has into value(); false when it has nothing, and value() is what it was.
  bool load(const void* key);
  [[nodiscard]] void* value() const { return value_.get(); }
  /// The event time of what the last load() found.
  [[nodiscard]] std::int64_t time_ms() const { return time_ms_; }
  /// Writes under the key of the last load(), with an event time. One before 1970 is kept as 1970:
  /// a changelog on Kafka has no other.
  void save(const void* value, std::int64_t time_ms);
  void put(const void* key, const void* value, std::int64_t time_ms);
  void erase(const void* key);

 private:
  void encode_key(const void* key);

  TableSpec spec_;
  codec::TypedObject value_;
  StagedStore* store_ = nullptr;
  const codec::Serde* serde_ = nullptr;
  std::int64_t time_ms_ = 0;
  std::string key_bytes_;
  std::string value_bytes_;
};

}  // namespace millrace::stream::detail
