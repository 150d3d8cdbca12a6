// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Writes files in Millrace's formats for readers that are not Millrace, and prints what is in them
// as JSON: `write_format_files journal DIR BYTES SEGMENT` a log whose journal has at least so many
// bytes, in segments of so many, `write_format_files settling DIR BYTES SEGMENT` the same of a log
// that settles, `write_format_files settled DIR` the settled segments of one partition,
// `write_format_files compacted DIR` such that were compacted.
#include <zstd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/base/json_writer.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/log/backend/batch_layout.hpp"
#include "millrace/log/record_batch.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_embedded/tools.hpp"
#include "settled/compactor.hpp"
#include "settled/segment_files.hpp"
#include "settled/segment_reader.hpp"
#include "settled/segment_writer.hpp"

namespace millrace {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "write_format_files: %s\n", result.error().to_string().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) {
    return *std::move(result);
  }
}

std::string value_of(std::int64_t number) {
  std::string value = "value " + std::to_string(number) + " ";
  return value.append(static_cast<std::size_t>(number % 300), 'x');
}

/// A transaction over all partitions, with null keys and values, headers, a position and a
/// sequence.
void fill_transaction(log::Transaction& transaction,
                      const std::vector<log::TopicPartition>& partitions, std::int64_t number) {
  log::HeadersBuilder headers;
  headers.add("number", std::to_string(number)).add("null", std::nullopt);
  constexpr std::int64_t records = 40;
  for (std::int64_t i = 0; i < records; ++i) {
    const std::string key = "key-" + std::to_string(i);
    const std::string value = value_of(number + 7 * i);
    std::optional<std::string_view> shown_key(key);
    std::optional<std::string_view> shown_value(value);
    if (i % 9 == 0) {
      shown_key.reset();
    }
    if (i % 7 == 0) {
      shown_value.reset();
    }
    transaction.append(partitions[static_cast<std::size_t>(number + i * i) % partitions.size()],
                       {1'600'000'000'000 + number, shown_key, shown_value, headers.view()});
  }
}

/// Commits commands of a week ago, which go, and one of today. Returns where the others begin.
log::Offset remove_commands(log::Log& log, ManualClock& clock) {
  constexpr std::int64_t more_than_a_week_ms = 8LL * 24 * 3'600 * 1'000;
  const auto topic = must(log.create_topic({"shop.commands", 1, log::TopicKind::commands, "shop"}));
  const log::TopicPartition partition{topic.id, log::partition(0)};
  const std::string value(2'000, 'v');
  for (int i = 0; i < 400; ++i) {
    log::Transaction transaction;
    transaction.append(partition, {1'600'000'000'000, "k", value, {}});
    must(log.commit(transaction));
  }
  clock.advance_ms(more_than_a_week_ms);
  for (int i = 0; i < 4; ++i) {
    must(log.maintain());
    must(log.maintain_storage());
  }
  return must(log.start_offset(partition));
}

void write_and_delete_topic(log::Log& log) {
  const auto topic = must(log.create_topic({"shop.gone", 1, log::TopicKind::events, "shop"}));
  log::Transaction transaction;
  transaction.append({topic.id, log::partition(0)}, {1'600'000'000'000, "k", "v", {}});
  must(log.commit(transaction));
  must(log.delete_topic(topic.id));
}

/// Settles now and then, as far as the log does that.
void fill(log::Log& log, std::uint64_t bytes) {
  std::vector<log::TopicPartition> partitions;
  for (const std::string name : {"orders", "payments"}) {
    const auto topic = must(log.create_topic({name, 3, log::TopicKind::events, "shop"}));
    for (std::int32_t p = 0; p < 3; ++p) {
      partitions.push_back({topic.id, log::partition(p)});
    }
  }
  const std::vector<log::SettingChange> changed{{"delete.retention.ms", "5"}};
  must(log.alter_topic(partitions[0].topic, changed));
  write_and_delete_topic(log);
  must(log.add_partitions(partitions[0].topic, 4));
  partitions.push_back({partitions[0].topic, log::partition(3)});
  const log::GroupId group = must(log.group("audit"));
  std::uint64_t written = 0;
  for (std::int64_t number = 0; written < bytes; ++number) {
    log::Transaction transaction;
    fill_transaction(transaction, partitions, number);
    transaction.set_position(group, partitions[0], log::offset(number));
    transaction.set_sequence("feed", number);
    written = must(log.commit(transaction)).position.position;
    if (number % 50 == 0) {
      must(log.maintain());
      must(log.maintain_storage());
    }
  }
}

void write_journal(const std::string& directory, std::uint64_t bytes, std::uint64_t segment,
                   bool settles) {
  SeededRandom random(1);
  ManualClock clock;
  log::LogEnvironment environment{clock, real_file_system(), random, real_processes()};
  log::LogOptions options;
  options.service = "shop";
  options.durability = log::DurabilityPolicy::os;
  log::EmbeddedOptions embedded;
  embedded.force = true;
  embedded.segment_bytes = segment;
  embedded.settle.on = settles;
  embedded.settle.interval_ms = 0;
  embedded.settle.cleaning_interval_ms = 0;
  embedded.settle.segment_bytes = segment;
  std::int64_t removed = 0;
  {
    const auto log = must(log::open_embedded(directory, environment, options, embedded));
    fill(*log, bytes);
    removed = settles ? remove_commands(*log, clock).value : 0;
  }
  const log::VerifyReport report = must(log::verify_log(directory, environment));
  std::string line;
  JsonWriter out(line);
  out.begin_object()
      .field("frames", report.frames)
      .field("batches", report.batches)
      .field("records", report.records)
      .field("bytes", report.bytes)
      .field("settled_batches", report.settled_batches)
      .field("settled_records", report.settled_records)
      .field("removed", removed)
      .end_object();
  std::puts(out.take().c_str());
}

/// The batch with its records compressed, as a producer of Kafka does it.
std::string compressed(std::string_view batch) {
  namespace layout = log::batch_layout;
  constexpr std::size_t head = log::record_batch_header_bytes;
  constexpr std::int16_t zstd = 4;
  constexpr int level = 3;
  const std::string_view body = batch.substr(head);
  std::string out(batch.substr(0, head));
  out.resize(head + ZSTD_compressBound(body.size()));
  out.resize(head +
             ZSTD_compress(out.data() + head, out.size() - head, body.data(), body.size(), level));
  store_big(out.data() + layout::attributes, zstd);
  store_big(out.data() + layout::batch_length,
            static_cast<std::int32_t>(out.size() - layout::length_starts_at));
  store_big(out.data() + layout::crc, crc32c(std::string_view(out).substr(layout::attributes)));
  return out;
}

void write_settled(const std::string& directory) {
  constexpr std::int64_t batches = 900;
  constexpr std::uint64_t segment_bytes = 100'000;
  FileSystem& files = real_file_system();
  auto writer = must(
      log::embedded::SegmentWriter::open(files, directory, log::offset(0), {segment_bytes, 4096}));
  std::int64_t next = 0;
  std::uint64_t bytes = 0;
  std::uint64_t packed = 0;
  std::uint64_t position = 4096;
  for (std::int64_t number = 0; number < batches; ++number) {
    log::RecordBatchBuilder builder;
    const std::int64_t base = next;
    for (std::int64_t i = 0; i <= number % 5; ++i, ++next) {
      const std::string key = "key-" + std::to_string(next % 97);
      const std::string value = value_of(next);
      builder.add({1'600'000'000'000 + 7 * next, key, value, {}});
    }
    const bool pack = number % 10 == 3;
    std::string batch = pack ? compressed(builder.finish()) : std::string(builder.finish());
    log::set_base_offset(batch.data(), log::offset(base));
    position += 2048;
    must(writer.append({batch, {1, position}, 1'700'000'000'000 + number}));
    bytes += batch.size();
    packed += pack ? 1 : 0;
  }
  must(writer.sync());
  std::string line;
  JsonWriter out(line);
  out.begin_object()
      .field("segments", must(log::embedded::list_segments(files, directory)).size())
      .field("batches", batches)
      .field("records", next)
      .field("bytes", bytes)
      .field("compressed", packed)
      .field("end", writer.next().value)
      .field("last_position", position)
      .end_object();
  std::puts(out.take().c_str());
}

constexpr std::uint64_t compacted_segment_bytes = 50'000;

void append_updates(log::embedded::SegmentWriter& writer, const std::string& keys,
                    std::int64_t batches) {
  for (std::int64_t number = 0; number < batches; ++number) {
    log::RecordBatchBuilder builder;
    const std::int64_t base = writer.next().value;
    for (std::int64_t i = base; i <= base + number % 5; ++i) {
      const std::string key = keys + std::to_string(i * i % 97);
      const std::string value = value_of(i);
      const std::optional<std::string_view> kept(value);
      builder.add({1'600'000'000'000 + 7 * i, key, i % 3 == 0 ? std::nullopt : kept, {}});
    }
    std::string batch(builder.finish());
    log::set_base_offset(batch.data(), log::offset(base));
    const auto position = 4096 + 8 * static_cast<std::uint64_t>(base);
    must(writer.append({batch, {1, position}, 1'700'000'000'000 + base}));
  }
  must(writer.sync());
}

/// Offset, time, key and value of each record, as Kafka's console consumer prints them.
void print_compacted(const std::string& directory, log::Offset end,
                     const log::embedded::CompactionState& state) {
  FileSystem& files = real_file_system();
  auto reader = must(log::embedded::SegmentReader::open(files, directory));
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.key("lines").begin_array();
  std::int64_t batches = 0;
  std::int64_t records = 0;
  log::embedded::SettledBatches read;
  for (log::Offset from = *reader.start(); from < end; from = read.next) {
    must(reader.read(from, end, 1U << 20U, read));
    for (const auto& batch : read.batches) {
      ++batches;
      std::vector<log::RecordView> found;
      must(log::decode_batch(read.view(batch), found));
      for (const log::RecordView& one : found) {
        ++records;
        out.value("CreateTime:" + std::to_string(one.timestamp_ms) +
                  "\tOffset:" + std::to_string(one.offset.value) + "\t" + std::string(*one.key) +
                  "\t" + std::string(one.value.value_or("null")));
      }
    }
  }
  out.end_array()
      .field("segments", must(log::embedded::list_segments(files, directory)).size())
      .field("batches", batches)
      .field("records", records)
      .field("end", end.value)
      .field("clean_until", state.clean_until.value)
      .field("tombstones_complete_from", state.tombstones_complete_from.value)
      .end_object();
  std::puts(out.take().c_str());
}

/// Compacted twice, so that some tombstones are gone and others wait for their time.
void write_compacted(const std::string& directory) {
  constexpr std::int64_t batches = 900;
  constexpr std::int64_t now_ms = 1'750'000'000'000;
  FileSystem& files = real_file_system();
  auto writer = must(log::embedded::SegmentWriter::open(files, directory, log::offset(0),
                                                        {compacted_segment_bytes, 4096}));
  log::embedded::CompactionOptions options;
  options.segment_bytes = compacted_segment_bytes;
  append_updates(writer, "first-", batches);
  append_updates(writer, "second-", batches);
  must(log::embedded::compact(files, directory, options, writer.synced(), now_ms));
  append_updates(writer, "third-", batches);
  const auto done = must(log::embedded::compact(files, directory, options, writer.synced(),
                                                now_ms + options.delete_retention_ms));
  print_compacted(directory, writer.synced(), done.state);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  const std::string_view kind = argc > 1 ? argv[1] : "";
  if ((kind == "journal" || kind == "settling") && argc == 5) {
    millrace::write_journal(argv[2], std::strtoull(argv[3], nullptr, 10),
                            std::strtoull(argv[4], nullptr, 10), kind == "settling");
  } else if (kind == "settled" && argc == 3) {
    millrace::write_settled(argv[2]);
  } else if (kind == "compacted" && argc == 3) {
    millrace::write_compacted(argv[2]);
  } else {
    std::fputs(
        "Usage: write_format_files journal|settling DIR BYTES SEGMENT | settled|compacted DIR\n",
        stderr);
    return 2;
  }
  return 0;
}
