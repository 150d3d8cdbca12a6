// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/base/fault_file_system.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/record_batch.hpp"
#include "settled/segment_reader.hpp"
#include "settled/segment_writer.hpp"

namespace millrace::log::embedded {

/// A batch as the model of a test knows it.
struct ModelBatch {
  std::string bytes;
  Offset base;
  Offset next;  ///< one past its last offset
  /// Offset and time of its records; of a compressed batch its base offset alone, with the largest
  /// time.
  std::vector<std::pair<Offset, std::int64_t>> records;
  CommitEntry commit;
};

/// What random batches are like.
struct BatchKind {
  std::int64_t first_time_ms = 1'000'000;
  std::int64_t last_time_ms = 1'010'000;
  bool times_rise = false;  ///< each batch is later than those before
  bool gaps = true;         ///< offsets that compaction took, between and in batches
  bool compressed = true;   ///< some bodies are bytes that nobody opens
  std::size_t value_bytes = 60;
};

/// A stream of batches that continue each other, from a seed: empty and null keys and values,
/// headers, gaps, several batches to a commit, append times that go back.
class BatchSource {
 public:
  explicit BatchSource(std::uint64_t seed, BatchKind kind = {}) : random_(seed), kind_(kind) {}
  ModelBatch next();

 private:
  std::string encode(std::int32_t count, ModelBatch& made);
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

  SeededRandom random_;
  BatchKind kind_;
  std::int64_t offset_ = 0;
  std::int64_t time_ms_ = 0;
  std::uint64_t position_ = 4096;
  std::uint32_t incarnation_ = 1;
};

[[nodiscard]] std::vector<ModelBatch> batches_of(std::uint64_t seed, std::size_t count,
                                                 BatchKind kind = {});

/// A disk with the segments of one partition.
struct SettledWorld {
  static constexpr const char* directory = "/settled";
  /// Small enough for several segments, and an index entry for nearly every batch.
  static constexpr SegmentOptions small{4096, 300};
  static constexpr SegmentOptions one_segment{1U << 30U, 300};

  FaultFileSystem files;

  Result<SegmentWriter> open(Offset synced = offset(0), SegmentOptions options = small) {
    return SegmentWriter::open(files, directory, synced, options);
  }
  /// Writes and syncs all.
  void write(const std::vector<ModelBatch>& batches, SegmentOptions options = small);
  [[nodiscard]] std::string path(Offset base, SegmentFile file) const {
    return segment_path(directory, base, file);
  }
  [[nodiscard]] std::string content(const std::string& path) {
    return read_file(files, path).value_or("(missing)");
  }
  [[nodiscard]] std::vector<Offset> bases();
};

[[nodiscard]] Status append(SegmentWriter& writer, const ModelBatch& batch);
/// Reads all that is before `end`, in calls of so many bytes.
[[nodiscard]] Result<std::vector<ModelBatch>> read_all(SegmentReader& reader, Offset end,
                                                       std::size_t max_bytes);
/// Bytes and commits; not what the model alone knows.
[[nodiscard]] bool same(const std::vector<ModelBatch>& read, const ModelBatch* first,
                        std::size_t count);

}  // namespace millrace::log::embedded
