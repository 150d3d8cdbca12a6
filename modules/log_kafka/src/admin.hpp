// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client.hpp"

namespace millrace::log::kafka {

// Requests about topics. Each waits for its answer, at most `timeout_ms`; thread-safe.

/// Makes a topic; false when there is one already.
[[nodiscard]] Result<bool> create_topic(rd_kafka_t* client, const std::string& name,
                                        std::int32_t partitions, const Settings& config,
                                        int timeout_ms);
/// Deletes a topic; nothing happens when there is none. When it returns, a broker may still name
/// it.
[[nodiscard]] Status delete_topic(rd_kafka_t* client, const std::string& name, int timeout_ms);
/// Adds partitions to a topic, so that it has `total` of them; nothing happens when it has as many
/// or more. When it returns, a broker may not show them yet.
[[nodiscard]] Status create_partitions(rd_kafka_t* client, const std::string& name,
                                       std::int32_t total, int timeout_ms);
/// Number of partitions of a topic; nothing when there is none.
[[nodiscard]] Result<std::optional<std::int32_t>> find_partitions(rd_kafka_t* client,
                                                                  const std::string& name,
                                                                  int timeout_ms);
/// What a topic's settings are now.
[[nodiscard]] Result<std::map<std::string, std::string>> topic_config(rd_kafka_t* client,
                                                                      const std::string& name,
                                                                      int timeout_ms);
/// Deletes records before an offset.
[[nodiscard]] Status delete_before(rd_kafka_t* client, const KafkaPartition& at, Offset before,
                                   int timeout_ms);

/// The cluster's id.
[[nodiscard]] Result<std::string> cluster_id(rd_kafka_t* client, int timeout_ms);

}  // namespace millrace::log::kafka
