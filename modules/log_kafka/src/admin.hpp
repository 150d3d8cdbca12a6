// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client.hpp"

namespace millrace::log::kafka {

// Requests about topics and groups. Each waits for its answer, at most `timeout_ms`; thread-safe.

/// Makes a topic; false when there is one already.
[[nodiscard]] Result<bool> create_topic(rd_kafka_t* client, const std::string& name,
                                        std::int32_t partitions, const Settings& config,
                                        int timeout_ms);
/// Number of partitions of a topic; nothing when there is none.
[[nodiscard]] Result<std::optional<std::int32_t>> find_partitions(rd_kafka_t* client,
                                                                  const std::string& name,
                                                                  int timeout_ms);
/// What a topic's settings are now.
[[nodiscard]] Result<std::map<std::string, std::string>> topic_config(rd_kafka_t* client,
                                                                      const std::string& name,
                                                                      int timeout_ms);
/// Sets settings of a topic; what is not named stays. Reads what is set and writes it all: what
/// another client changes in between is lost.
[[nodiscard]] Status alter_topic_config(rd_kafka_t* client, const std::string& name,
                                        const Settings& changes, int timeout_ms);
/// Deletes records before an offset.
[[nodiscard]] Status delete_before(rd_kafka_t* client, const KafkaPartition& at, Offset before,
                                   int timeout_ms);

/// The stable positions of a group at these partitions; those that never had one are left out.
/// errc::unavailable while a transaction that moves them is open.
[[nodiscard]] Result<std::vector<GroupPosition>> group_positions(
    rd_kafka_t* client, const std::string& group, const std::vector<KafkaPartition>& partitions,
    int timeout_ms);
/// All positions of a group, for people: open transactions are not waited for.
[[nodiscard]] Result<std::vector<GroupPosition>> all_group_positions(rd_kafka_t* client,
                                                                     const std::string& group,
                                                                     int timeout_ms);
/// The cluster's id.
[[nodiscard]] Result<std::string> cluster_id(rd_kafka_t* client, int timeout_ms);

}  // namespace millrace::log::kafka
