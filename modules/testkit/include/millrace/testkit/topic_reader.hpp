// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "millrace/codec/describe.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/serdes.hpp"
#include "millrace/testkit/event_writer.hpp"

namespace millrace::testkit {

/// A decoded record of a topic.
template <class K, class V>
struct Received {
  K key{};
  V value{};
  std::string type;  ///< `ce_type`; empty on private topics
  RawRecord raw;
};

/// Reads whole topics in the order of commits. On a log without such an order it reads one
/// partition after the other. Failures throw TestError. Not thread-safe.
class TopicReader {
 public:
  /// The log must outlive the reader.
  explicit TopicReader(log::Log& log) : log_(&log) {}

  /// All records of a topic; empty when the topic does not exist.
  [[nodiscard]] std::vector<RawRecord> all(const std::string& topic);
  /// The records that came since the last call for this topic.
  [[nodiscard]] std::vector<RawRecord> fresh(const std::string& topic);
  /// Sets the serdes for reading a topic, if they are not the defaults of its kind.
  void set_serdes(const std::string& topic, stream::Serdes serdes) {
    serdes_[topic] = std::move(serdes);
  }

  /// Decodes a record of a public or private topic; a tombstone leaves the value as V{}.
  template <class K, class V>
  [[nodiscard]] Received<K, V> decode(const std::string& topic, RawRecord record) {
    Received<K, V> out;
    decode_into(topic, record, codec::type_info<K>(), &out.key, codec::type_info<V>(), &out.value);
    out.type = record.header("ce_type");
    out.raw = std::move(record);
    return out;
  }
  template <class K, class V>
  [[nodiscard]] std::vector<Received<K, V>> decode_all(const std::string& topic,
                                                       std::vector<RawRecord> records) {
    std::vector<Received<K, V>> out;
    for (RawRecord& record : records)
      out.push_back(decode<K, V>(topic, std::move(record)));
    return out;
  }

 private:
  std::vector<RawRecord> read(const std::string& topic, std::map<std::int32_t, log::Offset>& from);
  void decode_into(const std::string& topic, const RawRecord& record,
                   const codec::TypeInfo& key_type, void* key, const codec::TypeInfo& value_type,
                   void* value);

  log::Log* log_;
  std::map<std::string, std::map<std::int32_t, log::Offset>> positions_;
  std::map<std::string, stream::Serdes> serdes_;
};

}  // namespace millrace::testkit
