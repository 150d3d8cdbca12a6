// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled_tools.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "catalog.hpp"
#include "log_directory.hpp"
#include "millrace/log/errors.hpp"
#include "settled/segment_changes.hpp"
#include "settled/segment_reader.hpp"
#include "settled_path.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::size_t bytes_at_once = 1U << 20U;

/// Where the settled records of a partition are to be found, as a checkpoint says.
struct SettledPartition {
  TopicId topic;
  std::string path;  // of its directory
  std::size_t row = 0;
  Offset start;
  Offset end;
};

Offset start_of(const Checkpoint& checkpoint, std::size_t row) {
  return offset(row < checkpoint.starts.size() ? checkpoint.starts[row] : 0);
}

Result<std::vector<SettledPartition>> settled_partitions(const std::string& directory,
                                                         const Checkpoint& checkpoint) {
  std::vector<SettledPartition> found;
  Catalog catalog;
  for (const std::string& record : checkpoint.catalog) {
    MILLRACE_TRY(catalog.apply(record));
  }
  const auto topics = static_cast<std::int32_t>(catalog.topic_count());
  for (TopicId id{{internal_topics}}; id.value < topics; ++id.value) {
    const CatalogTopic* const topic = catalog.find(id);
    const bool is_there = topic != nullptr && !catalog.is_deleted(id);
    for (std::int32_t p = 0; is_there && p < topic->topic.spec.partitions; ++p) {
      const std::size_t row = topic->row(p);
      if (row < checkpoint.settled.size() && checkpoint.settled[row] > 0) {
        found.push_back({topic->topic.id, settled_directory(directory, topic->topic.spec.name, p),
                         row, start_of(checkpoint, row), offset(checkpoint.settled[row])});
      }
    }
  }
  return found;
}

Result<bool> is_deleted_by_now(FileSystem& files, const std::string& directory, TopicId topic) {
  MILLRACE_ASSIGN(const auto now, read_checkpoint(files, directory));
  const std::string deletion = Catalog::deletion_record(topic);
  return now && std::find(now->catalog.begin(), now->catalog.end(), deletion) != now->catalog.end();
}

/// The records of one partition. Members may remove and replace segments meanwhile.
Status verify_partition(FileSystem& files, const std::string& directory,
                        const SettledPartition& partition, VerifyReport& report) {
  // Each time another change of the segments was completed.
  int changes_left = 1000;
  MILLRACE_ASSIGN(auto reader, SegmentReader::open(files, partition.path));
  SettledBatches read;
  for (Offset next = partition.start; next < partition.end;) {
    const Status good = reader.read(next, partition.end, bytes_at_once, read);
    if (good) {
      next = read.next;
      report.settled_batches += read.batches.size();
      for (const SettledBatches::Batch& batch : read.batches) {
        report.settled_bytes += batch.header.bytes;
        report.settled_records += static_cast<std::uint64_t>(batch.header.count);
      }
      continue;
    }
    const bool gone = good.error().is(errc::out_of_range);
    if (!gone && !good.error().is(errc::not_found)) {
      return good;
    }
    // Retention says durably what it is about to remove.
    MILLRACE_ASSIGN(const auto now, read_checkpoint(files, directory));
    const Offset start = now ? start_of(*now, partition.row) : offset(0);
    if (start <= next && (gone || changes_left-- == 0)) {
      return good;
    }
    next = std::max(next, start);
    MILLRACE_TRY(reader.refresh());
  }
  return {};
}

}  // namespace

Status verify_settled(FileSystem& files, const std::string& directory,
                      const std::optional<Checkpoint>& checkpoint, VerifyReport& report) {
  if (!checkpoint) {
    return {};
  }
  MILLRACE_ASSIGN(const auto partitions, settled_partitions(directory, *checkpoint));
  for (const SettledPartition& partition : partitions) {
    const Status good = verify_partition(files, directory, partition, report);
    if (!good) {
      // Perhaps it was deleted meanwhile.
      MILLRACE_ASSIGN(const bool deleted, is_deleted_by_now(files, directory, partition.topic));
      if (deleted) {
        continue;
      }
    }
    // Files that are missing are damage, too.
    if (!good && !good.error().is(errc::corrupt) && !good.error().is(errc::not_found) &&
        !good.error().is(errc::out_of_range)) {
      return good;
    }
    if (!good && report.settled_corrupt.empty()) {
      report.settled_corrupt = good.error().message();
    }
  }
  return {};
}

Status cut_settled(LogDirectory& directory, const Catalog& catalog) {
  FileSystem& files = directory.files();
  if (!files.exists(directory.path() + names::settled)) {
    return {};
  }
  const auto topics = static_cast<std::int32_t>(catalog.topic_count());
  for (TopicId id{{internal_topics}}; id.value < topics; ++id.value) {
    const CatalogTopic* topic = catalog.find(id);
    const bool is_there = topic != nullptr && !catalog.is_deleted(id);
    for (std::int32_t p = 0; is_there && p < topic->topic.spec.partitions; ++p) {
      const std::string path = settled_directory(directory.path(), topic->topic.spec.name, p);
      if (files.exists(path)) {
        const PartitionRow& row = directory.control().partitions[topic->row(p)];
        MILLRACE_TRY(cut_segments(files, path, offset(row.settled.load())));
      }
    }
  }
  return {};
}

}  // namespace millrace::log::embedded
