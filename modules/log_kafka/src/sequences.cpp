// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "sequences.hpp"

#include "admin.hpp"
#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::int64_t format_version = 1;
constexpr std::string_view sequences_topic = "__millrace_sequences";
constexpr TopicPartition sequences_partition{TopicId{{-2}}, PartitionId{{0}}};

}  // namespace

Sequences::Sequences(const ClientConfig& config, Reader& reader)
    : config_(config), reader_(reader), partition_{config.in_kafka(sequences_topic), 0} {}

Status Sequences::open() {
  const MutexLock lock(mutex_);
  if (opened_) return {};
  MILLRACE_TRY(create_topic(reader_.client(), partition_.topic, 1,
                            {{"cleanup.policy", "compact"}, {"max.message.bytes", "8388608"}},
                            config_.timeout_ms()));
  reader_.ids().await_agreement(partition_.topic);
  MILLRACE_ASSIGN(partition_.id, reader_.ids().find(partition_.topic));
  opened_ = true;
  return {};
}

std::string Sequences::encode(const Last& last) {
  std::string bytes;
  ByteWriter out(bytes);
  out.varint(last.number).varint(static_cast<std::int64_t>(last.partitions.size()));
  for (const auto& [partition, first] : last.partitions)
    out.varint_text<std::int64_t>(partition.topic).varint(partition.partition).varint(first.value);
  return out.take();
}

Result<Sequences::Last> Sequences::decode(std::string_view bytes) {
  ByteReader in(bytes);
  Last last;
  last.number = in.varint<std::int64_t>();
  // Version 1 begins with a sequence, which is never negative: later ones begin with theirs,
  // negated.
  if (in.ok() && last.number < -format_version)
    return fail(errc::incompatible,
                newer_format("topic " + std::string(sequences_topic), "the sequence of a producer",
                             0 - static_cast<std::uint64_t>(last.number), format_version));
  const auto count = in.varint<std::int64_t>();
  for (std::int64_t i = 0; in.ok() && i < count; ++i) {
    std::string topic(in.varint_text<std::int64_t>());
    const auto partition = static_cast<std::int32_t>(in.varint<std::int64_t>());
    last.partitions.emplace_back(KafkaPartition{std::move(topic), partition},
                                 offset(in.varint<std::int64_t>()));
  }
  if (!in.ok() || last.number < 0)
    return fail(errc::corrupt,
                "topic " + std::string(sequences_topic) + ": a record that ends early");
  return last;
}

Result<Sequences::Last> Sequences::last(const std::string& producer) {
  const MutexLock lock(mutex_);
  MILLRACE_ASSIGN(const std::vector<Offset> end,
                  reader_.ask({partition_}, Reader::End::last_stable));
  reader_.heard_of(sequences_partition, end[0]);
  while (next_ < end[0]) {
    MILLRACE_TRY(reader_.fetch(sequences_partition, partition_, next_, 1U << 20U, buffer_));
    for (const RecordView& record : buffer_.records) {
      if (!record.key || !record.value) continue;
      MILLRACE_ASSIGN(Last read, decode(*record.value));
      know(std::string(*record.key), std::move(read));
    }
    next_ = buffer_.next;
  }
  const auto found = known_.find(producer);
  return found == known_.end() ? Last{} : found->second;
}

void Sequences::remember(const std::string& producer, Last last) {
  const MutexLock lock(mutex_);
  know(producer, std::move(last));
}

// What is read may be older than what was remembered.
void Sequences::know(const std::string& producer, Last last) {
  Last& known = known_[producer];
  if (last.number >= known.number) known = std::move(last);
}

}  // namespace millrace::log::kafka
