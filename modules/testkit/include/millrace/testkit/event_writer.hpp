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

/// What the test kit throws when a test asks for something that cannot be, or when the code under
/// test fails where the test did not expect it.
struct TestError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A record as it is in the log, owning its bytes.
struct RawRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::int64_t timestamp_ms = 0;
  std::int32_t partition = -1;  ///< when writing: -1 lets the key choose
  std::int64_t offset = -1;     ///< when reading
  /// The value of a header; empty when there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
};

/// Writes events of services that are not under test, as they would, of any time. One thread.
/// Failures throw TestError.
class EventWriter {
 public:
  /// Opens a handle of the log that is written to.
  using Connect = std::function<std::unique_ptr<log::Log>(log::LogOptions)>;

  /// Writes by a handle for each service whose topics are written.
  explicit EventWriter(Connect connect) : connect_(std::move(connect)) {}
  /// The broker outlives it.
  explicit EventWriter(log::MemoryBroker& broker)
      : EventWriter(
            [&broker](log::LogOptions options) { return broker.connect(std::move(options)); }) {}

  /// Makes a topic of another service; nothing happens when it is there already.
  log::Topic declare_topic(const std::string& name, const std::string& owner,
                           std::int32_t partitions = 4,
                           log::TopicKind kind = log::TopicKind::events);

  /// Those of a topic, from now on, where they are not the defaults of its kind.
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
