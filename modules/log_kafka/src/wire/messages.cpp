// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/messages.hpp"

#include "wire/by_topic.hpp"

namespace millrace::log::kafka::wire {
namespace {

Code read_code(Decoder& in) { return code_of(in.number<std::int16_t>()); }

void write_producer(Encoder& out, const Producing& producer) {
  out.number(producer.producer.id);
  out.number(producer.producer.epoch);
}

}  // namespace

Code code_of(std::int16_t number) {
  const bool known = number >= RD_KAFKA_RESP_ERR_UNKNOWN && number < RD_KAFKA_RESP_ERR_END_ALL;
  return known ? static_cast<Code>(number) : RD_KAFKA_RESP_ERR_UNKNOWN;
}

std::string find_coordinator(std::string_view key, CoordinatorKind kind) {
  Encoder out;
  out.string(key);
  out.number(static_cast<std::int8_t>(kind));
  return out.take();
}

std::optional<Coordinator> read_coordinator(std::string_view body) {
  Decoder in(body);
  in.number<std::int32_t>();  // throttled for so long
  Coordinator answer;
  answer.error = read_code(in);
  in.string();                // the error's text
  in.number<std::int32_t>();  // the broker's number
  answer.address.host = in.string();
  answer.address.port = in.number<std::int32_t>();
  if (!in.ok()) return std::nullopt;
  return answer;
}

std::string init_producer(std::string_view transactional_id, std::int32_t timeout_ms) {
  Encoder out;
  out.string(transactional_id);
  out.number(timeout_ms);
  return out.take();
}

std::optional<InitializedProducer> read_init_producer(std::string_view body) {
  Decoder in(body);
  in.number<std::int32_t>();  // throttled for so long
  InitializedProducer answer;
  answer.error = read_code(in);
  answer.producer.id = in.number<std::int64_t>();
  answer.producer.epoch = in.number<std::int16_t>();
  if (!in.ok()) return std::nullopt;
  return answer;
}

std::string add_partitions(const Producing& producer, std::span<const KafkaPartition> partitions) {
  Encoder out;
  out.string(producer.transactional_id);
  write_producer(out, producer);
  by_topic<KafkaPartition>(
      out, partitions, [](const KafkaPartition& at) -> const KafkaPartition& { return at; },
      [&](const KafkaPartition& at) { out.number(at.partition); });
  return out.take();
}

std::string add_group(const Producing& producer, std::string_view group) {
  Encoder out;
  out.string(producer.transactional_id);
  write_producer(out, producer);
  out.string(group);
  return out.take();
}

std::string end_transaction(const Producing& producer, bool commit) {
  Encoder out;
  out.string(producer.transactional_id);
  write_producer(out, producer);
  out.flag(commit);
  return out.take();
}

std::string commit_positions(const Producing& producer, std::string_view group,
                             std::span<const std::pair<KafkaPartition, std::int64_t>> partitions) {
  using Position = std::pair<KafkaPartition, std::int64_t>;
  Encoder out;
  out.string(producer.transactional_id);
  out.string(group);
  write_producer(out, producer);
  by_topic<Position>(
      out, partitions, [](const Position& one) -> const KafkaPartition& { return one.first; },
      [&](const Position& one) {
        out.number(one.first.partition);
        out.number(one.second);
        out.number<std::int32_t>(-1);  // leader epoch
        out.null_string();             // metadata
      });
  return out.take();
}

std::optional<Code> read_single_error(std::string_view body) {
  Decoder in(body);
  in.number<std::int32_t>();  // throttled for so long
  const Code error = read_code(in);
  if (!in.ok()) return std::nullopt;
  return error;
}

void PartitionError::add(Code another, std::string_view topic, std::int32_t partition) {
  // Of those that were fine, the broker says that they were not tried.
  const bool says_more =
      error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_OPERATION_NOT_ATTEMPTED ||
      (is_passing(error) && another != RD_KAFKA_RESP_ERR_OPERATION_NOT_ATTEMPTED);
  if (another != RD_KAFKA_RESP_ERR_NO_ERROR && says_more)
    *this = {another, {std::string(topic), partition}};
}

std::optional<PartitionError> read_partition_errors(std::string_view body) {
  Decoder in(body);
  in.number<std::int32_t>();  // throttled for so long
  PartitionError worst;
  for (std::size_t topics = in.count(6); topics > 0; --topics) {
    const std::string_view topic = in.string();
    for (std::size_t partitions = in.count(6); partitions > 0; --partitions) {
      const auto partition = in.number<std::int32_t>();
      worst.add(read_code(in), topic, partition);
    }
  }
  if (!in.ok()) return std::nullopt;
  return worst;
}

std::optional<std::vector<Produced>> read_produced(std::string_view body) {
  Decoder in(body);
  std::vector<Produced> all;
  for (std::size_t topics = in.count(6); topics > 0; --topics) {
    const std::string_view topic = in.string();
    for (std::size_t partitions = in.count(30); partitions > 0; --partitions) {
      Produced one;
      one.at = {std::string(topic), in.number<std::int32_t>()};
      one.error = read_code(in);
      one.first = in.number<std::int64_t>();
      in.number<std::int64_t>();  // append time
      in.number<std::int64_t>();  // where the partition begins
      all.push_back(std::move(one));
    }
  }
  if (!in.ok()) return std::nullopt;
  return all;
}

}  // namespace millrace::log::kafka::wire
