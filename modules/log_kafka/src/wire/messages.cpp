// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/messages.hpp"

#include <charconv>

#include "millrace/base/text.hpp"
#include "wire/by_topic.hpp"

namespace millrace::log::kafka::wire {
namespace {

// The least that these take in a response.
constexpr std::size_t error_topic_bytes = 3;
constexpr std::size_t partition_error_bytes = 6;
constexpr std::size_t produced_bytes = 33;
constexpr std::size_t record_error_bytes = 6;
constexpr std::string_view note_begin = "millrace.topic=";

Code read_code(Decoder& in) { return code_of(in.number<std::int16_t>()); }

void write_producer(Encoder& out, const Producing& producer) {
  out.number(producer.producer.id);
  out.number(producer.producer.epoch);
}

/// The body of a request of a transaction, with its first field.
Encoder begin_request(Api api, const Producing& producer) {
  Encoder out(is_flexible(api, producer.version(api)));
  out.string(producer.transactional_id);
  return out;
}

GivenProducer read_given(Decoder& in) {
  in.number<std::int32_t>();  // throttled for so long
  GivenProducer given;
  given.error = read_code(in);
  given.producer.id = in.number<std::int64_t>();
  given.producer.epoch = in.number<std::int16_t>();
  in.tags();
  return given;
}

std::optional<PartitionError> read_errors(Decoder& in) {
  in.number<std::int32_t>();  // throttled for so long
  PartitionError worst;
  for (std::size_t topics = in.count(error_topic_bytes); topics > 0; --topics) {
    const std::string_view topic = in.string();
    for (std::size_t partitions = in.count(partition_error_bytes); partitions > 0; --partitions) {
      const auto partition = in.number<std::int32_t>();
      worst.add(read_code(in), topic, partition);
      in.tags();
    }
    in.tags();
  }
  if (!in.ok()) return std::nullopt;
  return worst;
}

}  // namespace

Code code_of(std::int16_t number) {
  for (const Code code : {transaction_abortable, unknown_topic_id, inconsistent_topic_id}) {
    if (number == code) return code;
  }
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

std::string renew_producer(const Producing& producer, std::int32_t timeout_ms) {
  Encoder out(is_flexible(Api::init_producer_id, renew_version));
  out.string(producer.transactional_id);
  out.number(timeout_ms);
  write_producer(out, producer);
  out.tags();
  return out.take();
}

std::optional<GivenProducer> read_init_producer(std::string_view body, std::int16_t version) {
  Decoder in(body, is_flexible(Api::init_producer_id, version));
  const GivenProducer given = read_given(in);
  if (!in.ok()) return std::nullopt;
  return given;
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
  Encoder out = begin_request(Api::end_txn, producer);
  write_producer(out, producer);
  out.flag(commit);
  out.tags();
  return out.take();
}

std::optional<GivenProducer> read_ended(std::string_view body) {
  Decoder in(body, true);
  const GivenProducer given = read_given(in);
  if (!in.ok() || (given.error == RD_KAFKA_RESP_ERR_NO_ERROR && given.producer.epoch < 0))
    return std::nullopt;
  return given;
}

std::string position_note(const TopicUuid& id) {
  if (id.is_none()) return {};
  // Not by +: GCC takes the size of what that makes for one that overflows when it links all.
  std::string note;
  note.append(note_begin).append(hex_number(id.high)).append(hex_number(id.low));
  return note;
}

TopicUuid read_position_note(std::string_view note) {
  constexpr std::size_t digits = 16;
  if (!note.starts_with(note_begin) || note.size() != note_begin.size() + 2 * digits) return {};
  const auto half = [&](std::size_t at) {
    std::uint64_t value = 0;
    const char* const first = note.data() + note_begin.size() + at;
    const auto read = std::from_chars(first, first + digits, value, 16);
    return read.ptr == first + digits ? value : 0;
  };
  return {half(0), half(digits)};
}

std::string commit_positions(const Producing& producer, std::string_view group,
                             std::span<const std::pair<KafkaPartition, std::int64_t>> partitions) {
  using Position = std::pair<KafkaPartition, std::int64_t>;
  Encoder out = begin_request(Api::txn_offset_commit, producer);
  out.string(group);
  write_producer(out, producer);
  if (producer.second) {
    // No member of the group: who may commit is decided by the transactional id.
    out.number<std::int32_t>(-1);  // generation
    out.string("");                // member
    out.null_string();             // static member
  }
  by_topic<Position>(
      out, partitions, [](const Position& one) -> const KafkaPartition& { return one.first; },
      [&](const Position& one) {
        out.number(one.first.partition);
        out.number(one.second);
        out.number<std::int32_t>(-1);  // leader epoch
        const std::string note = position_note(one.first.id);
        note.empty() ? out.null_string() : out.string(note);
        out.tags();
      });
  out.tags();
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
    *this = {another, {std::string(topic), partition}, {}};
}

std::optional<PartitionError> read_partition_errors(std::string_view body) {
  Decoder in(body);
  return read_errors(in);
}

std::optional<PartitionError> read_flexible_errors(std::string_view body) {
  Decoder in(body, true);
  return read_errors(in);
}

std::optional<std::vector<Produced>> read_produced(std::string_view body, std::int16_t version) {
  Decoder in(body, is_flexible(Api::produce, version));
  std::vector<Produced> all;
  for (std::size_t topics = in.count(error_topic_bytes); topics > 0; --topics) {
    KafkaPartition at;
    if (version == produce_by_id) {
      at.id.high = in.number<std::uint64_t>();
      at.id.low = in.number<std::uint64_t>();
    } else {
      at.topic = in.string();
    }
    for (std::size_t partitions = in.count(produced_bytes); partitions > 0; --partitions) {
      Produced one;
      one.at = at;
      one.at.partition = in.number<std::int32_t>();
      one.error = read_code(in);
      one.first = in.number<std::int64_t>();
      in.number<std::int64_t>();  // append time
      in.number<std::int64_t>();  // where the partition begins
      std::string_view of_a_record;
      for (std::size_t records = in.count(record_error_bytes); records > 0; --records) {
        in.number<std::int32_t>();  // which one
        const std::string_view message = in.string();
        if (of_a_record.empty()) of_a_record = message;
        in.tags();
      }
      // The one of the batch says less: that some records were refused.
      one.message = in.string();
      if (!of_a_record.empty()) one.message = of_a_record;
      in.tags();
      all.push_back(std::move(one));
    }
    in.tags();
  }
  if (!in.ok()) return std::nullopt;
  return all;
}

}  // namespace millrace::log::kafka::wire
