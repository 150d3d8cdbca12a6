// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled_tools.hpp"

#include <cstdint>
#include <map>

#include "catalog.hpp"
#include "log_directory.hpp"
#include "millrace/log/errors.hpp"
#include "settled/segment_changes.hpp"
#include "settled/segment_reader.hpp"
#include "settled_path.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::size_t bytes_at_once = 1U << 20U;

/// The records of one partition, up to `end`.
Status verify_partition(FileSystem& files, const std::string& directory, Offset end,
                        VerifyReport& report) {
  MILLRACE_ASSIGN(auto reader, SegmentReader::open(files, directory));
  SettledBatches read;
  for (Offset next = reader.start().value_or(offset(0)); next < end; next = read.next) {
    MILLRACE_TRY(reader.read(next, end, bytes_at_once, read));
    report.settled_bytes += read.bytes.size();
    report.settled_batches += read.batches.size();
    for (const SettledBatches::Batch& batch : read.batches) {
      report.settled_records += static_cast<std::uint64_t>(batch.header.count);
    }
  }
  return {};
}

/// By the name of the partition's directory, how far it is settled.
Result<std::map<std::string, Offset>> settled_ends(const std::string& directory,
                                                   const Checkpoint& checkpoint) {
  std::map<std::string, Offset> ends;
  for (const std::string& record : checkpoint.catalog) {
    MILLRACE_ASSIGN(const auto topic, Catalog::read_topic(record));
    for (std::int32_t p = 0; topic && p < topic->topic.spec.partitions; ++p) {
      const std::size_t row = topic->first_row + static_cast<std::size_t>(p);
      if (row < checkpoint.settled.size() && checkpoint.settled[row] > 0) {
        ends[settled_directory(directory, topic->topic.spec.name, p)] =
            offset(checkpoint.settled[row]);
      }
    }
  }
  return ends;
}

}  // namespace

Status verify_settled(FileSystem& files, const std::string& directory,
                      const std::optional<Checkpoint>& checkpoint, VerifyReport& report) {
  if (!checkpoint) {
    return {};
  }
  MILLRACE_ASSIGN(const auto ends, settled_ends(directory, *checkpoint));
  for (const auto& [path, end] : ends) {
    const Status good = verify_partition(files, path, end, report);
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
    for (std::int32_t p = 0; topic != nullptr && p < topic->topic.spec.partitions; ++p) {
      const std::string path = settled_directory(directory.path(), topic->topic.spec.name, p);
      if (files.exists(path)) {
        const PartitionRow& row =
            directory.control().partitions[topic->first_row + static_cast<std::uint32_t>(p)];
        MILLRACE_TRY(cut_segments(files, path, offset(row.settled.load())));
      }
    }
  }
  return {};
}

}  // namespace millrace::log::embedded
