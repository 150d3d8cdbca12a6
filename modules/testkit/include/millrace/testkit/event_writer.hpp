// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/codec/describe.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/stream/record_encoder.hpp"

namespace millrace::testkit {

/// The test kit throws this when a test does something that is impossible, or when the code under
/// test fails unexpectedly.
struct TestError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A record as it is in the log. Owns its bytes.
struct RawRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::int64_t timestamp_ms = 0;
  std::int32_t partition = -1;  ///< for writing: -1 means the partition of the key
  std::int64_t offset = -1;     ///< set when the record was read
  /// The value of a header; empty when there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
};

/// Writes events of services that are not under test, as these services would write them, with any
/// timestamp. Failures throw TestError. Not thread-safe.
class EventWriter {
 public:
  /// A function that opens a handle of the log.
  using Connect = std::function<std::unique_ptr<log::Log>(log::LogOptions)>;

  /// Opens one handle for each service whose topics are written.
  explicit EventWriter(Connect connect) : connect_(std::move(connect)) {}
  /// The broker must outlive the writer.
  explicit EventWriter(log::MemoryBroker& broker)
      : EventWriter(
            [&broker](log::LogOptions options) { return broker.connect(std::move(options)); }) {}

  /// Creates a topic of another service, if it does not exist.
  log::Topic declare_topic(const std::string& name, const std::string& owner,
                           std::int32_t partitions = 4,
                           log::TopicKind kind = log::TopicKind::events);

  /// Sets the serdes for writing a topic, if they are not the defaults of its kind.
  void set_serdes(const std::string& topic, stream::Serdes serdes) {
    serdes_[topic] = std::move(serdes);
  }

  /// Appends an event with its envelope (`ce_id` is `<topic>-<n>`) in the partition of its key and
  /// returns its id.
  template <class K, class V>
  std::string write(const std::string& topic, const K& key, const V& value,
                    std::int64_t timestamp_ms, const std::string& correlation = {}) {
    return write_encoded(topic, codec::type_info<K>(), &key, codec::type_info<V>(), &value,
                         timestamp_ms, correlation);
  }
  /// Appends any bytes.
  void write_raw(const std::string& topic, const RawRecord& record);

 private:
  std::string write_encoded(const std::string& topic, const codec::TypeInfo& key_type,
                            const void* key, const codec::TypeInfo& value_type, const void* value,
                            std::int64_t timestamp_ms, const std::string& correlation);
  log::Log& handle_of(const std::string& service);
  log::Topic find(const std::string& topic);
  void append(const log::Topic& topic, std::int32_t partition, const log::Record& record);

  Connect connect_;
  std::map<std::string, std::unique_ptr<log::Log>> handles_;
  stream::RecordEncoder encoder_;
  std::map<std::string, stream::Serdes> serdes_;
  std::uint64_t written_ = 0;
};

}  // namespace millrace::testkit
