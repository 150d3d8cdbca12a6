// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/backend/batch_layout.hpp"

namespace millrace::log::embedded {
namespace {

/// Completes a batch whose header or body was changed.
void seal(std::string& batch) {
  store_big(batch.data() + batch_layout::batch_length,
            static_cast<std::int32_t>(batch.size() - batch_layout::length_starts_at));
  store_big(batch.data() + batch_layout::crc,
            crc32c(std::string_view(batch).substr(batch_layout::attributes)));
}

}  // namespace

std::string BatchSource::encode(std::int32_t count, ModelBatch& made) {
  RecordBatchBuilder builder;
  const auto span = static_cast<std::uint64_t>(kind_.last_time_ms - kind_.first_time_ms) + 1;
  for (std::int32_t i = 0; i < count; ++i) {
    const std::int64_t time = kind_.times_rise
                                  ? kind_.first_time_ms + ++time_ms_
                                  : kind_.first_time_ms + static_cast<std::int64_t>(below(span));
    HeadersBuilder headers;
    for (std::uint64_t left = below(3); left > 0; --left) {
      const bool null = below(2) == 0;
      headers.add("h" + std::to_string(left),
                  null ? std::nullopt : std::optional<std::string_view>("x"));
    }
    const std::string key = below(3) == 0 ? "" : "key-" + std::to_string(below(50));
    const std::string value(below(kind_.value_bytes), static_cast<char>('a' + below(26)));
    builder.add({time, below(4) == 0 ? std::nullopt : std::optional<std::string_view>(key),
                 below(5) == 0 ? std::nullopt : std::optional<std::string_view>(value),
                 headers.view()});
    made.records.emplace_back(offset(offset_ + i), time);
  }
  return std::string(builder.finish());
}

ModelBatch BatchSource::next() {
  ModelBatch made;
  if (kind_.gaps && below(5) == 0) {
    offset_ += static_cast<std::int64_t>(below(20));
  }
  const auto count = static_cast<std::int32_t>(1 + below(4));
  made.base = offset(offset_);
  made.bytes = encode(count, made);
  std::int32_t last_delta = count - 1;
  if (kind_.gaps && below(6) == 0) {
    // As if its last records had been taken by compaction.
    last_delta += static_cast<std::int32_t>(below(5));
    store_big(made.bytes.data() + batch_layout::last_offset_delta, last_delta);
  }
  if (kind_.compressed && below(6) == 0) {
    store_big(made.bytes.data() + batch_layout::attributes, static_cast<std::int16_t>(4));
    made.bytes.resize(record_batch_header_bytes);
    made.bytes.append(20 + below(100), static_cast<char>(below(256)));
    std::int64_t largest = made.records.front().second;
    for (const auto& record : made.records) {
      largest = std::max(largest, record.second);
    }
    made.records = {{made.base, largest}};
  }
  seal(made.bytes);
  set_base_offset(made.bytes.data(), made.base);
  offset_ += last_delta + 1;
  made.next = offset(offset_);
  if (below(4) != 0) {
    position_ += 8 + below(4000) * 8;
  }
  incarnation_ += below(20) == 0 ? 1 : 0;
  made.commit = {
      made.base, {incarnation_, position_}, 2'000'000 + static_cast<std::int64_t>(below(10'000))};
  return made;
}

std::vector<ModelBatch> batches_of(std::uint64_t seed, std::size_t count, BatchKind kind) {
  BatchSource source(seed, kind);
  std::vector<ModelBatch> batches;
  for (std::size_t i = 0; i < count; ++i) {
    batches.push_back(source.next());
  }
  return batches;
}

void SettledWorld::write(const std::vector<ModelBatch>& batches, SegmentOptions options) {
  auto writer = open(offset(0), options);
  ASSERT_TRUE(writer) << writer.error().to_string();
  for (const ModelBatch& batch : batches) {
    const Status done = append(*writer, batch);
    ASSERT_TRUE(done) << done.error().to_string();
  }
  ASSERT_TRUE(writer->sync());
}

std::vector<Offset> SettledWorld::bases() {
  return list_segments(files, directory).value_or(std::vector<Offset>());
}

Status append(SegmentWriter& writer, const ModelBatch& batch) {
  return writer.append({batch.bytes, batch.commit.position, batch.commit.append_time_ms});
}

Result<std::vector<ModelBatch>> read_all(SegmentReader& reader, Offset end, std::size_t max_bytes) {
  std::vector<ModelBatch> all;
  SettledBatches read;
  Offset from = reader.start().value_or(end);
  while (from < end) {
    MILLRACE_TRY(reader.read(from, end, max_bytes, read));
    for (const SettledBatches::Batch& batch : read.batches) {
      ModelBatch one;
      one.bytes = std::string(read.view(batch));
      one.base = batch.header.base_offset;
      one.commit = batch.commit;
      all.push_back(std::move(one));
    }
    from = read.next;
  }
  return all;
}

bool same(const std::vector<ModelBatch>& read, const ModelBatch* first, std::size_t count) {
  return std::equal(read.begin(), read.end(), first, first + count,
                    [](const ModelBatch& a, const ModelBatch& b) {
                      return a.bytes == b.bytes && a.base == b.base && a.commit == b.commit;
                    });
}

}  // namespace millrace::log::embedded
