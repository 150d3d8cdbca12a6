// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client.hpp"
#include "millrace/log/types.hpp"
#include "wire/protocol.hpp"
#include "wire/record_set.hpp"

namespace millrace::log::kafka::wire {

/// One partition of a fetch: from where on.
struct FetchPartition {
  const KafkaPartition* at = nullptr;
  Offset from;
};

/// How long a broker may wait until there is something, and how much it may answer. A first batch
/// that is larger is answered whole (KIP-74).
struct FetchBounds {
  std::int32_t wait_ms = 0;
  std::int32_t bytes = 0;            ///< of all partitions
  std::int32_t partition_bytes = 0;  ///< of each
};

/// The versions of Fetch that are used: the first one names topics by their names, the second one
/// by their ids, so that a topic that was deleted is never taken for one that has its name.
inline constexpr std::int16_t fetch_by_name = spoken(Api::fetch).lowest;
inline constexpr std::int16_t fetch_by_id = spoken(Api::fetch).highest;

/// The body of a Fetch of committed records, without a fetch session. Where the bytes do not reach
/// for all, brokers serve them in their order here, as far as topics stay together. By id all of
/// them have one.
[[nodiscard]] std::string encode_fetch(std::span<const FetchPartition> partitions,
                                       const FetchBounds& bounds, std::int16_t version);

/// The response of a broker for one partition. The views are into the body.
struct FetchedPartition {
  std::string_view topic;  ///< empty when it is named by its id
  TopicUuid id;
  std::int32_t partition = 0;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  Offset last_stable;  ///< committed readers see what is below; -1 when not known
  std::vector<AbortedTransaction> aborted;
  std::string_view records;
};

struct FetchAnswer {
  std::int32_t throttle_ms = 0;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;  ///< of the whole request
  std::vector<FetchedPartition> partitions;
};

/// Reads the body of an answer; safe on hostile input. errc::corrupt when it is none.
[[nodiscard]] Result<FetchAnswer> decode_fetch(std::string_view body, std::int16_t version);

/// Where to fetch on behind the whole batches of a set; nothing when it does not begin with one.
/// Looks at their lengths and offsets alone.
[[nodiscard]] std::optional<Offset> end_of_batches(std::string_view records);

}  // namespace millrace::log::kafka::wire
