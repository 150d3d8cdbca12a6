// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::bench {

struct KafkaClosed {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
using KafkaClient = std::unique_ptr<rd_kafka_t, KafkaClosed>;
using KafkaTopic = std::unique_ptr<rd_kafka_topic_t, KafkaClosed>;
using KafkaPartitions = std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaClosed>;
using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

/// True for `kafka://host:port,...`.
[[nodiscard]] bool is_kafka(const std::string& url);
/// The addresses in such a URL.
[[nodiscard]] std::string kafka_addresses(const std::string& url);

/// A client of librdkafka. Settings are its own names; a wrong one ends the program.
[[nodiscard]] KafkaClient open_kafka(rd_kafka_type_t type, const std::string& url,
                                     const KafkaSettings& settings);
/// Ends the program when an answer of librdkafka is an error.
void must_kafka(rd_kafka_resp_err_t code, const char* what);
void must_kafka(rd_kafka_error_t* error, const char* what);

/// Makes topics that keep everything; those that exist are left as they are.
void make_kafka_topics(const std::string& url, const std::vector<std::string>& names,
                       std::int32_t partitions);
/// Removes the topics whose names begin with `prefix`.
void remove_kafka_topics(const std::string& url, std::string_view prefix);

/// All partitions of a topic, from the first record on.
[[nodiscard]] KafkaPartitions all_partitions(rd_kafka_t& client, const std::string& topic);

}  // namespace millrace::bench
