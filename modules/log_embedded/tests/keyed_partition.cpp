// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "keyed_partition.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "settled/batch_rewriter.hpp"
#include "settled/segment_changes.hpp"
#include "settled/segment_files.hpp"

namespace millrace::log::embedded {
namespace {

std::optional<std::string_view> view_of(const std::optional<std::string>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

std::optional<std::string> text_of(const std::optional<std::string_view>& view) {
  return view ? std::optional<std::string>(*view) : std::nullopt;
}

std::string at_offset(std::int64_t at) { return " at offset " + std::to_string(at); }

/// The records of batches that were read, by offset.
std::map<std::int64_t, KeyedRecord> records_in(const std::vector<ModelBatch>& read) {
  std::map<std::int64_t, KeyedRecord> found;
  std::vector<RecordView> records;
  for (const ModelBatch& batch : read) {
    const auto header = read_batch_header(batch.bytes);
    EXPECT_TRUE(header && decode_if_plain(batch.bytes, *header, "batch", records));
    for (const RecordView& one : records) {
      const bool added =
          found
              .emplace(one.offset.value, KeyedRecord{text_of(one.key), text_of(one.value),
                                                     one.timestamp_ms, batch.commit})
              .second;
      EXPECT_TRUE(added) << at_offset(one.offset.value);
    }
  }
  return found;
}

}  // namespace

KeyedPartition::KeyedPartition(std::uint64_t seed, std::size_t batches) : KeyedPartition(segments) {
  SeededRandom random(seed);
  for (std::size_t i = 0; i < batches; ++i) {
    append_random(random, 12);
    now_ms += static_cast<std::int64_t>(random.below(100));
  }
  sync();
}

void KeyedPartition::append(const std::vector<KeyedRecord>& records) {
  RecordBatchBuilder builder;
  for (const KeyedRecord& record : records) {
    builder.add({record.time_ms, view_of(record.key), view_of(record.value), {}});
  }
  std::string bytes(builder.finish());
  const Offset base = offset(next_);
  set_base_offset(bytes.data(), base);
  position_ += 64;
  const CommitEntry commit{base, {3, position_}, now_ms};
  journal_[base] = {bytes, commit};
  settle(base);
  batches_.emplace_back(base, now_ms);
  for (const KeyedRecord& record : records) {
    KeyedRecord kept = record;
    kept.commit = commit;
    written_.emplace(next_++, std::move(kept));
  }
}

void KeyedPartition::settle(Offset base) {
  const auto& [bytes, commit] = journal_.at(base);
  const Status done = writer_->append({bytes, commit.position, commit.append_time_ms});
  ASSERT_TRUE(done) << done.error().to_string();
}

void KeyedPartition::append_random(Random& random, std::uint64_t keys) {
  std::vector<KeyedRecord> records;
  for (std::uint64_t left = 1 + random.below(5); left > 0; --left) {
    KeyedRecord record;
    record.time_ms = 500'000 + static_cast<std::int64_t>(random.below(100'000));
    if (random.below(20) != 0) {
      record.key = "key-" + std::to_string(random.below(keys));
    }
    if (random.below(6) != 0) {
      record.value = std::to_string(next_) + std::string(random.below(60), 'v');
    }
    records.push_back(std::move(record));
  }
  append(records);
}

void KeyedPartition::sync() {
  ASSERT_TRUE(writer_->sync());
  synced_ = writer_->synced();
  if (checkpoint_with_sync) {
    make_checkpoint();
  }
}

void KeyedPartition::reopen() {
  writer_.reset();
  auto opened = SegmentWriter::open(world.files, SettledWorld::directory, synced_, options_);
  ASSERT_TRUE(opened) << opened.error().to_string();
  writer_.emplace(*std::move(opened));
  const Offset from = std::max(writer_->next(), synced_);
  for (auto batch = journal_.lower_bound(from); batch != journal_.end(); ++batch) {
    settle(batch->first);
  }
}

void KeyedPartition::recover() {
  writer_.reset();
  const Status cut = cut_segments(world.files, SettledWorld::directory, checkpoint_);
  ASSERT_TRUE(cut) << cut.error().to_string();
  synced_ = checkpoint_;
  reopen();
  sync();
}

CompactionState KeyedPartition::state() {
  const auto loaded = load_compaction_state(world.files, SettledWorld::directory);
  EXPECT_TRUE(loaded) << loaded.error().to_string();
  return loaded.value_or(CompactionState());
}

std::string KeyedPartition::problem_before(Offset end) {
  auto reader = SegmentReader::open(world.files, SettledWorld::directory);
  if (!reader) {
    return reader.error().to_string();
  }
  const auto read = read_all(*reader, end, 700);
  if (!read) {
    return read.error().to_string();
  }
  const std::string wrong = problem_of(*read, reader->start().value_or(end), end);
  return wrong.empty() ? search_problem(*reader, *read, end) : wrong;
}

std::string KeyedPartition::problem_of(const std::vector<ModelBatch>& read, Offset start,
                                       Offset end) {
  std::int64_t last = -1;
  const auto found = records_in(read);
  for (const ModelBatch& batch : read) {
    if (batch.base.value <= last) {
      return "the batches do not rise" + at_offset(batch.base.value);
    }
    last = batch.base.value;
  }
  for (const auto& [at, record] : found) {
    const auto known = written_.find(at);
    if (known == written_.end() || known->second.key != record.key ||
        known->second.value != record.value || known->second.time_ms != record.time_ms ||
        known->second.commit != record.commit) {
      return "there is another record than was appended" + at_offset(at);
    }
  }
  return missing_of(found, start, end);
}

/// A record that nobody may remove.
std::string KeyedPartition::missing_of(const std::map<std::int64_t, KeyedRecord>& found,
                                       Offset start, Offset end) {
  const Offset forgotten = state().tombstones_complete_from;
  std::map<std::string, std::int64_t> latest;
  std::map<std::string, std::int64_t> latest_found;
  for (const auto& [at, record] : written_) {
    if (at >= end.value) {
      break;
    }
    if (record.key) {
      latest[*record.key] = at;
    } else if (at >= start.value && !found.contains(at)) {
      return "a record without a key is missing" + at_offset(at);
    }
  }
  for (const auto& [at, record] : found) {
    if (record.key) {
      latest_found[*record.key] = at;
    }
  }
  for (const auto& [key, at] : latest) {
    if (at < start.value || found.contains(at)) {
      continue;
    }
    if (written_.at(at).value) {
      return "the latest record of " + key + " is missing" + at_offset(at);
    }
    if (latest_found.contains(key)) {
      return "the deleted " + key + " is there again" + at_offset(latest_found[key]);
    }
    if (at >= forgotten.value) {
      return "nothing says that a tombstone went" + at_offset(at);
    }
  }
  return "";
}

std::string KeyedPartition::search_problem(SegmentReader& reader,
                                           const std::vector<ModelBatch>& read, Offset end) {
  for (std::size_t i = 0; i < read.size(); i += 5) {
    const auto position = read[i].commit.position.position;
    const auto found = reader.find_position(position - 1, end);
    if (!found || !*found || (*found)->base_offset != read[i].base) {
      return "the position of the batch is not found" + at_offset(read[i].base.value);
    }
  }
  const auto records = records_in(read);
  for (std::int64_t time = 500'000; time < 600'000; time += 13'000) {
    const auto expected = std::find_if(records.begin(), records.end(), [time](const auto& one) {
      return one.second.time_ms >= time;
    });
    const auto found = reader.find_time(time, end);
    if (!found || found->has_value() != (expected != records.end()) ||
        (*found && (*found)->value != expected->first)) {
      return "the time " + std::to_string(time) + " is not found";
    }
  }
  return "";
}

std::string KeyedPartition::leftovers() {
  std::map<std::int64_t, std::set<SegmentFile>> segments_there;
  const auto names = world.files.list(SettledWorld::directory).value();
  for (const std::string& name : names) {
    const auto parsed = parse_marked_name(name);
    if (parsed && parsed->mark != SegmentMark::none) {
      return name + " is left over";
    }
    if (parsed) {
      segments_there[parsed->segment.base.value].insert(parsed->segment.file);
    }
  }
  for (const auto& [base, files] : segments_there) {
    if (files.size() != segment_files.size()) {
      return "there are " + std::to_string(files.size()) + " files of " + std::to_string(base);
    }
  }
  return "";
}

std::map<std::int64_t, KeyedRecord> KeyedPartition::read_records() {
  auto reader = SegmentReader::open(world.files, SettledWorld::directory);
  const auto read = read_all(*reader, synced_, 4096);
  EXPECT_TRUE(read) << read.error().to_string();
  return records_in(read.value_or(std::vector<ModelBatch>()));
}

std::uint64_t KeyedPartition::log_bytes() {
  std::uint64_t bytes = 0;
  for (const Offset base : world.bases()) {
    bytes += world.content(world.path(base, SegmentFile::log)).size();
  }
  return bytes;
}

CompactionOptions small_compaction() {
  CompactionOptions options;
  options.delete_retention_ms = 1000;
  options.segment_bytes = KeyedPartition::segments.segment_bytes;
  options.index_interval_bytes = KeyedPartition::segments.index_interval_bytes;
  return options;
}

Result<CompactionResult> compact(KeyedPartition& partition, const CompactionOptions& options) {
  return compact(partition.world.files, SettledWorld::directory, options, partition.checkpoint(),
                 partition.now_ms);
}

}  // namespace millrace::log::embedded
