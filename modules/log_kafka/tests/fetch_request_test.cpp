// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/fetch_request.hpp"

#include <gmock/gmock.h>

#include "millrace/base/endian.hpp"
#include "millrace/log/errors.hpp"
#include "raw_batch.hpp"
#include "wire/protocol.hpp"

namespace millrace::log::kafka::wire {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(KafkaFetchRequest, topics_stay_together_and_the_first_partition_stays_the_first) {
  const KafkaPartition a0{"a", 0};
  const KafkaPartition b0{"b", 0};
  const KafkaPartition b1{"b", 1};
  const std::vector<FetchPartition> partitions{
      {&b1, offset(7)}, {&a0, offset(5)}, {&b0, offset(6)}};
  const std::string body = encode_fetch(
      partitions, {.wait_ms = 500, .bytes = 1'000, .partition_bytes = 100}, fetch_by_name);
  Decoder in(body);
  EXPECT_EQ(in.number<std::int32_t>(), -1);
  EXPECT_EQ(in.number<std::int32_t>(), 500);
  EXPECT_EQ(in.number<std::int32_t>(), 1);
  EXPECT_EQ(in.number<std::int32_t>(), 1'000);
  EXPECT_EQ(in.number<std::int8_t>(), 1) << "only what is committed";
  in.number<std::int32_t>();
  EXPECT_EQ(in.number<std::int32_t>(), -1) << "no session";
  std::vector<std::pair<std::string, std::int64_t>> asked;
  for (std::size_t topics = in.count(1); topics > 0; --topics) {
    const std::string topic(in.string());
    for (std::size_t left = in.count(1); left > 0; --left) {
      const auto partition = in.number<std::int32_t>();
      in.number<std::int32_t>();
      asked.emplace_back(topic + "/" + std::to_string(partition), in.number<std::int64_t>());
      in.number<std::int64_t>();
      EXPECT_EQ(in.number<std::int32_t>(), 100);
    }
  }
  EXPECT_THAT(asked, ElementsAre(Pair("b/1", 7), Pair("b/0", 6), Pair("a/0", 5)));
  EXPECT_EQ(in.count(1), 0U);
  EXPECT_EQ(in.string(), "");
  EXPECT_TRUE(in.ok());
}

/// An answer for t/0 with an aborted transaction and records, and for t/1 with an error.
std::string an_answer() {
  Encoder out;
  out.number<std::int32_t>(9);  // throttle
  out.number<std::int16_t>(0);
  out.number<std::int32_t>(0);  // session
  out.count(1);
  out.string("t");
  out.count(2);
  out.number<std::int32_t>(0);
  out.number<std::int16_t>(0);
  out.number<std::int64_t>(50);  // high watermark
  out.number<std::int64_t>(40);  // last stable
  out.number<std::int64_t>(1);   // log start
  out.count(1);
  out.number<std::int64_t>(77);
  out.number<std::int64_t>(12);
  out.number<std::int32_t>(-1);
  out.bytes("records");
  out.number<std::int32_t>(1);
  out.number<std::int16_t>(6);
  for (int i = 0; i < 3; ++i)
    out.number<std::int64_t>(-1);
  out.number<std::int32_t>(-1);  // aborted: null
  out.number<std::int32_t>(-1);
  out.number<std::int32_t>(-1);  // records: null
  return out.take();
}

TEST(KafkaFetchRequest, an_answer_is_read_without_copying_the_records) {
  const std::string body = an_answer();
  const auto answer = decode_fetch(body, fetch_by_name);
  ASSERT_TRUE(answer.has_value()) << answer.error().to_string();
  EXPECT_EQ(answer->throttle_ms, 9);
  EXPECT_EQ(answer->error, RD_KAFKA_RESP_ERR_NO_ERROR);
  ASSERT_EQ(answer->partitions.size(), 2U);
  const FetchedPartition& read = answer->partitions[0];
  EXPECT_EQ(read.topic, "t");
  EXPECT_EQ(read.partition, 0);
  EXPECT_EQ(read.last_stable, offset(40));
  ASSERT_EQ(read.aborted.size(), 1U);
  EXPECT_EQ(read.aborted[0].producer_id, 77);
  EXPECT_EQ(read.aborted[0].first, offset(12));
  EXPECT_EQ(read.records, "records");
  EXPECT_GE(read.records.data(), body.data());
  EXPECT_LT(read.records.data(), body.data() + body.size());
  const FetchedPartition& refused = answer->partitions[1];
  EXPECT_EQ(refused.partition, 1);
  EXPECT_EQ(refused.error, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
  EXPECT_EQ(refused.records, "");
}

TEST(KafkaFetchRequest, by_id_a_topic_is_not_taken_for_one_of_its_name) {
  const KafkaPartition old{"t", 3, {1, 2}};
  const KafkaPartition now{"t", 3, {7, 8}};
  const std::vector<FetchPartition> partitions{{&old, offset(5)}, {&now, offset(6)}};
  const std::string body =
      encode_fetch(partitions, {.wait_ms = 5, .bytes = 1'000, .partition_bytes = 100}, fetch_by_id);
  Decoder in(body, true);
  for (int i = 0; i < 4; ++i)
    in.number<std::int32_t>();
  in.flag();
  in.number<std::int64_t>();
  ASSERT_EQ(in.count(1), 2U);
  for (const auto& [id, from] : {std::pair(1U, 5), std::pair(7U, 6)}) {
    EXPECT_EQ(in.number<std::uint64_t>(), id);
    EXPECT_EQ(in.number<std::uint64_t>(), id + 1);
    EXPECT_EQ(in.count(1), 1U);
    EXPECT_EQ(in.number<std::int32_t>(), 3);
    in.number<std::int32_t>();
    EXPECT_EQ(in.number<std::int64_t>(), from);
    in.number<std::int32_t>();
    in.number<std::int64_t>();
    EXPECT_EQ(in.number<std::int32_t>(), 100);
    in.tags();
    in.tags();
  }
  EXPECT_EQ(in.count(1), 0U);
  EXPECT_EQ(in.string(), "");
  in.tags();
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.rest(), "");
}

TEST(KafkaFetchRequest, an_answer_that_is_cut_short_anywhere_is_corrupt) {
  const std::string body = an_answer();
  for (std::size_t size = 0; size < body.size(); ++size) {
    const auto answer = decode_fetch(std::string_view(body).substr(0, size), fetch_by_name);
    ASSERT_FALSE(answer.has_value()) << size;
    EXPECT_TRUE(answer.error().is(errc::corrupt));
  }
}

TEST(KafkaFetchRequest, whatever_a_broker_answers_nothing_is_read_outside_of_it) {
  const std::string body = an_answer();
  for (std::size_t at = 0; at < body.size(); ++at) {
    for (const char wrong : {'\x00', '\x01', '\x7f', '\x80', '\xff'}) {
      // In memory of its own size, so that sanitizers see what goes beyond it.
      std::vector<char> changed(body.begin(), body.end());
      changed[at] = wrong;
      const auto answer = decode_fetch({changed.data(), changed.size()}, fetch_by_name);
      if (!answer) continue;
      std::size_t bytes = 0;
      for (const FetchedPartition& one : answer->partitions)
        bytes += one.topic.size() + one.records.size() + one.aborted.size();
      EXPECT_LE(bytes, 2 * changed.size());
    }
  }
}

TEST(KafkaFetchRequest, a_set_is_fetched_on_behind_its_last_whole_batch) {
  const std::string first = raw_batch(5, {"a", "b"}).encoded();
  RawBatch compacted = raw_batch(9, {"c"});
  compacted.last_offset_delta = 4;
  const std::string second = compacted.encoded();
  EXPECT_EQ(end_of_batches(first), offset(7));
  EXPECT_EQ(end_of_batches(first + second), offset(14));
  for (std::size_t size = 0; size < second.size(); ++size)
    EXPECT_EQ(end_of_batches(first + second.substr(0, size)), offset(7)) << size;
  for (std::size_t size = 0; size < first.size(); ++size)
    EXPECT_EQ(end_of_batches(first.substr(0, size)), std::nullopt) << size;
}

TEST(KafkaFetchRequest, a_set_that_no_broker_makes_has_no_end) {
  const auto changed = [](std::size_t at, auto value) {
    std::string batch = raw_batch(5, {"a", "b"}).encoded();
    store_big(batch.data() + at, value);
    return end_of_batches(batch);
  };
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(changed(0, std::int64_t{-1}), std::nullopt) << "base offset";
  EXPECT_EQ(changed(0, most), std::nullopt);
  EXPECT_EQ(changed(8, std::int32_t{-1}), std::nullopt) << "length";
  EXPECT_EQ(changed(8, std::int32_t{10}), std::nullopt);
  EXPECT_EQ(changed(8, std::numeric_limits<std::int32_t>::max()), std::nullopt);
  EXPECT_EQ(changed(16, std::int8_t{1}), std::nullopt) << "version";
  EXPECT_EQ(changed(23, std::int32_t{-1}), std::nullopt) << "last offset delta";
}

}  // namespace
}  // namespace millrace::log::kafka::wire
