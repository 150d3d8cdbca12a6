// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/fetch_request.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "millrace/base/endian.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/errors.hpp"
#include "wire/by_topic.hpp"
#include "wire/messages.hpp"
#include "wire/protocol.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr std::int32_t no_replica = -1;
constexpr std::int32_t any_bytes = 1;
constexpr std::int8_t read_committed = 1;
constexpr std::int32_t no_session = 0;
constexpr std::int32_t no_session_epoch = -1;
constexpr std::int32_t any_leader_epoch = -1;
constexpr std::int64_t no_log_start = -1;

constexpr std::int32_t any_fetched_epoch = -1;

// The least an answer can be, for a topic, a partition and an aborted transaction.
constexpr std::size_t topic_bytes = 6;
constexpr std::size_t partition_bytes = 37;
constexpr std::size_t aborted_bytes = 16;

/// In the given order, but topics together, where their first partition is.
std::vector<FetchPartition> together(std::span<const FetchPartition> partitions) {
  // Of a topic that was deleted and of the one that has its name, each is another one.
  std::map<std::tuple<std::string_view, std::uint64_t, std::uint64_t>, std::size_t> rank;
  const auto topic_of = [](const FetchPartition& partition) {
    const KafkaPartition& at = *partition.at;
    return std::tuple(std::string_view(at.topic), at.id.high, at.id.low);
  };
  for (const FetchPartition& partition : partitions)
    rank.try_emplace(topic_of(partition), rank.size());
  std::vector<FetchPartition> sorted(partitions.begin(), partitions.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const FetchPartition& a, const FetchPartition& b) {
                     return rank[topic_of(a)] < rank[topic_of(b)];
                   });
  return sorted;
}

FetchedPartition read_partition(Decoder& in) {
  FetchedPartition read;
  read.partition = in.number<std::int32_t>();
  read.error = code_of(in.number<std::int16_t>());
  in.number<std::int64_t>();  // high watermark
  read.last_stable = offset(in.number<std::int64_t>());
  in.number<std::int64_t>();  // log start
  const std::size_t aborted = in.count(aborted_bytes);
  read.aborted.reserve(aborted);
  for (std::size_t i = 0; i < aborted; ++i) {
    const auto producer = in.number<std::int64_t>();
    read.aborted.push_back({producer, offset(in.number<std::int64_t>())});
    in.tags();
  }
  in.number<std::int32_t>();  // a replica to be preferred
  read.records = in.bytes();
  in.tags();
  return read;
}

}  // namespace

std::string encode_fetch(std::span<const FetchPartition> partitions, const FetchBounds& bounds,
                         std::int16_t version) {
  const bool by_id = version == fetch_by_id;
  Encoder out(is_flexible(Api::fetch, version));
  out.number(no_replica);
  out.number(bounds.wait_ms);
  out.number(any_bytes);
  out.number(bounds.bytes);
  out.number(read_committed);
  out.number(no_session);
  out.number(no_session_epoch);
  const std::vector<FetchPartition> sorted = together(partitions);
  by_topic(
      out, std::span<const FetchPartition>(sorted),
      [](const FetchPartition& partition) -> const KafkaPartition& { return *partition.at; },
      [&](const FetchPartition& partition) {
        out.number(partition.at->partition);
        out.number(any_leader_epoch);
        out.number(partition.from.value);
        if (by_id) out.number(any_fetched_epoch);
        out.number(no_log_start);
        out.number(bounds.partition_bytes);
        out.tags();
      },
      by_id ? TopicNames::by_id : TopicNames::by_name);
  out.count(0);  // forgotten topics
  out.string("");
  out.tags();
  return out.take();
}

Result<FetchAnswer> decode_fetch(std::string_view body, std::int16_t version) {
  Decoder in(body, is_flexible(Api::fetch, version));
  FetchAnswer answer;
  answer.throttle_ms = in.number<std::int32_t>();
  answer.error = code_of(in.number<std::int16_t>());
  in.number<std::int32_t>();  // session
  for (std::size_t topics = in.count(topic_bytes); topics > 0; --topics) {
    TopicUuid id;
    std::string_view topic;
    if (version == fetch_by_id) {
      id.high = in.number<std::uint64_t>();
      id.low = in.number<std::uint64_t>();
    } else {
      topic = in.string();
    }
    for (std::size_t left = in.count(partition_bytes); left > 0; --left) {
      answer.partitions.push_back(read_partition(in));
      answer.partitions.back().topic = topic;
      answer.partitions.back().id = id;
    }
    in.tags();
  }
  in.tags();
  if (!in.ok()) return fail(errc::corrupt, "an answer to Fetch ends before it should");
  return answer;
}

std::optional<Offset> end_of_batches(std::string_view records) {
  using namespace batch_layout;
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  std::optional<Offset> end;
  while (records.size() >= record_batch_header_bytes && records[magic] == magic_value) {
    const auto length = load_big<std::int32_t>(records.data() + batch_length);
    const auto delta = load_big<std::int32_t>(records.data() + last_offset_delta);
    const auto base = load_big<std::int64_t>(records.data() + base_offset);
    if (length < 0 || delta < 0 || base < 0 || base >= most - delta) break;
    const std::size_t bytes = static_cast<std::size_t>(length) + length_starts_at;
    if (bytes < record_batch_header_bytes || bytes > records.size()) break;
    end = offset(base + delta).next();
    records.remove_prefix(bytes);
  }
  return end;
}

}  // namespace millrace::log::kafka::wire
