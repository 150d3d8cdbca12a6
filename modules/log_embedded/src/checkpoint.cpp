// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "checkpoint.hpp"

#include <algorithm>

#include "catalog.hpp"
#include "log_directory.hpp"
#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"
#include "small_file.hpp"

namespace millrace::log::embedded {
namespace {

constexpr std::uint32_t checkpoint_magic = 0x504b435aU;  // "ZCKP"
constexpr std::uint32_t checkpoint_version = 7;
// Without partitions that were added: written when there are none, so that older builds read it.
constexpr std::uint32_t checkpoint_version_deletions = 6;
// And without deleted topics: written when there are none.
constexpr std::uint32_t checkpoint_version_settings = 5;
// And without settings of topics: written when no topic has a record of them.
constexpr std::uint32_t checkpoint_version_removed = 4;
// And without first offsets: written for a log that removed none of its records.
constexpr std::uint32_t checkpoint_version_whole = 3;
// And without what is settled: written for a log that never settled, so that older builds read it.
constexpr std::uint32_t checkpoint_version_unsettled = 2;
// And without `begin`: for a journal that begins at 0.
constexpr std::uint32_t checkpoint_version_from_zero = 1;

void append_outcome(ByteWriter& out, const Checkpoint::Outcome& outcome) {
  out.little(outcome.incarnation).little(outcome.end);
  out.little(static_cast<std::uint32_t>(outcome.partitions.size()));
  for (const Checkpoint::Outcome::Partition& partition : outcome.partitions) {
    out.little(partition.id.topic.value)
        .little(partition.id.partition.value)
        .little(partition.offset);
  }
}

Checkpoint::Outcome read_outcome(ByteReader& in) {
  Checkpoint::Outcome outcome;
  outcome.incarnation = in.little<std::uint32_t>();
  outcome.end = in.little<std::uint64_t>();
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    Checkpoint::Outcome::Partition partition;
    partition.id.topic.value = in.little<std::int32_t>();
    partition.id.partition.value = in.little<std::int32_t>();
    partition.offset = in.little<std::int64_t>();
    outcome.partitions.push_back(partition);
  }
  return outcome;
}

// None where all are 0, as in the versions without them: such a log never settled, or removed
// nothing.
void append_rows(ByteWriter& out, const std::vector<std::int64_t>& offsets, bool has_some) {
  const std::size_t rows = has_some ? offsets.size() : 0;
  out.little(static_cast<std::uint32_t>(rows));
  for (std::size_t i = 0; i < rows; ++i) {
    out.little(offsets[i]);
  }
}

std::uint32_t version_of(const Checkpoint& checkpoint) {
  const std::vector<std::string>& catalog = checkpoint.catalog;
  if (std::any_of(catalog.begin(), catalog.end(), Catalog::is_addition)) {
    return checkpoint_version;
  }
  if (std::any_of(catalog.begin(), catalog.end(), Catalog::is_deletion)) {
    return checkpoint_version_deletions;
  }
  if (std::any_of(catalog.begin(), catalog.end(), Catalog::is_settings)) {
    return checkpoint_version_settings;
  }
  if (checkpoint.has_removed()) {
    return checkpoint_version_removed;
  }
  if (checkpoint.has_settled()) {
    return checkpoint_version_whole;
  }
  return checkpoint.begin != 0 ? checkpoint_version_unsettled : checkpoint_version_from_zero;
}

/// No value when the file is missing or damaged.
Result<std::optional<Checkpoint>> read_one(FileSystem& files, const std::string& path) {
  if (!files.exists(path)) {
    return std::nullopt;
  }
  const auto bytes = read_small_file(files, path);
  if (!bytes && !bytes.error().is(errc::corrupt)) {
    return fail(bytes.error());
  }
  auto decoded = bytes ? Checkpoint::decode(*bytes) : Result<Checkpoint>(fail(bytes.error()));
  if (decoded) {
    return std::optional(*std::move(decoded));
  }
  if (decoded.error().is(errc::incompatible)) {
    return fail(errc::incompatible, "{}: {}", path, decoded.error().message());
  }
  return std::nullopt;
}

}  // namespace

bool Checkpoint::has_removed() const {
  return std::any_of(starts.begin(), starts.end(), [](std::int64_t start) { return start > 0; });
}

bool Checkpoint::has_settled() const {
  const auto topics = std::min<std::size_t>(settled.size(), internal_topics);
  return begin_previous != 0 ||
         std::any_of(settled.begin() + static_cast<std::ptrdiff_t>(topics), settled.end(),
                     [](std::int64_t end) { return end > 0; });
}

std::string Checkpoint::encode() const {
  std::string bytes;
  ByteWriter out(bytes);
  out.little(checkpoint_magic);
  const std::uint32_t version = version_of(*this);
  out.little(version).little(log_id);
  out.little(incarnation).little(checksum).little(position);
  if (version >= checkpoint_version_unsettled) {
    out.little(begin);
  }
  if (version >= checkpoint_version_whole) {
    out.little(begin_previous);
  }
  out.little(static_cast<std::uint32_t>(catalog.size()));
  for (const std::string& record : catalog) {
    out.little_text<std::uint16_t>(record);
  }
  out.little(static_cast<std::uint32_t>(next_offsets.size()));
  for (const std::int64_t next : next_offsets) {
    out.little(next);
  }
  if (version >= checkpoint_version_whole) {
    append_rows(out, settled, has_settled());
  }
  if (version >= checkpoint_version_removed) {
    append_rows(out, starts, has_removed());
  }
  out.little(static_cast<std::uint32_t>(positions.size()));
  for (const PositionRecord& row : positions) {
    out.little(row.group.value)
        .little(row.partition.topic.value)
        .little(row.partition.partition.value);
    out.little(row.next);
  }
  out.little(static_cast<std::uint32_t>(producers.size()));
  for (const Producer& producer : producers) {
    out.little_text<std::uint16_t>(producer.name);
    out.little(producer.state.sequence).little(producer.state.frame);
    if (version >= checkpoint_version_whole && producer.state.frame < begin) {
      append_outcome(out, producer.outcome);
    }
  }
  // Builds that know no lineages pass over what follows.
  if (lineage != Lineage{}) {
    out.little(lineage.value);
  }
  out.little(crc32c(out.view()));
  return out.take();
}

Result<Checkpoint> Checkpoint::decode(std::string_view bytes) {
  const auto damaged = [] { return fail(errc::corrupt, "the checkpoint makes no sense"); };
  constexpr std::size_t sum_bytes = 4;
  if (bytes.size() < sum_bytes) {
    return damaged();
  }
  const auto sum = load_little<std::uint32_t>(bytes.data() + bytes.size() - sum_bytes);
  bytes.remove_suffix(sum_bytes);
  ByteReader in(bytes);
  // Magic, version and checksum lie at the same offsets in every version.
  const bool ours = in.little<std::uint32_t>() == checkpoint_magic;
  const auto version = in.little<std::uint32_t>();
  if (!ours || crc32c(bytes) != sum) {
    return damaged();
  }
  if (version > checkpoint_version) {
    return fail(errc::incompatible,
                newer_format("", "the checkpoint", version, checkpoint_version));
  }
  if (version < checkpoint_version_from_zero) {
    return damaged();
  }
  Checkpoint made;
  made.log_id = in.little<std::uint64_t>();
  made.incarnation = in.little<std::uint32_t>();
  made.checksum = in.little<std::uint32_t>();
  made.position = in.little<std::uint64_t>();
  if (version >= checkpoint_version_unsettled) {
    made.begin = in.little<std::uint64_t>();
  }
  if (version >= checkpoint_version_whole) {
    made.begin_previous = in.little<std::uint32_t>();
  }
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    made.catalog.emplace_back(in.little_text<std::uint16_t>());
  }
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    made.next_offsets.push_back(in.little<std::int64_t>());
  }
  if (version >= checkpoint_version_whole) {
    for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
      made.settled.push_back(in.little<std::int64_t>());
    }
  }
  if (version >= checkpoint_version_removed) {
    for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
      made.starts.push_back(in.little<std::int64_t>());
    }
  }
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    PositionRecord row;
    row.group.value = in.little<std::int32_t>();
    row.partition.topic.value = in.little<std::int32_t>();
    row.partition.partition.value = in.little<std::int32_t>();
    row.next = in.little<std::int64_t>();
    made.positions.push_back(row);
  }
  for (auto left = in.little<std::uint32_t>(); left > 0 && in.ok(); --left) {
    Producer producer;
    producer.name = in.little_text<std::uint16_t>();
    producer.state.sequence = in.little<std::int64_t>();
    producer.state.frame = in.little<std::uint64_t>();
    if (version >= checkpoint_version_whole && producer.state.frame < made.begin) {
      producer.outcome = read_outcome(in);
    }
    made.producers.push_back(std::move(producer));
  }
  if (in.ok() && !in.at_end()) {
    made.lineage.value = in.little<std::uint64_t>();
  }
  if (!in.ok()) {
    return damaged();
  }
  return made;
}

Result<std::optional<Checkpoint>> read_checkpoint(FileSystem& files, const std::string& directory) {
  const std::string path = directory + names::checkpoint;
  MILLRACE_ASSIGN(auto found, read_one(files, path));
  if (found || !files.exists(directory + names::settled)) {
    return found;
  }
  MILLRACE_ASSIGN(found, read_one(files, directory + names::checkpoint_copy));
  if (!found) {
    return fail(
        errc::corrupt,
        "{}: missing or damaged, and so is its copy `checkpoint.copy`; without them nobody knows "
        "how far the settled segments of this log reach; put the whole log back from a backup",
        path);
  }
  return found;
}

Status write_checkpoint(FileSystem& files, const std::string& directory, const Checkpoint& made) {
  const std::string bytes = made.encode();
  if (made.has_settled()) {
    MILLRACE_TRY(write_file_atomically(files, directory + names::checkpoint_copy, bytes));
  }
  return write_file_atomically(files, directory + names::checkpoint, bytes);
}

Result<bool> begin_moved(FileSystem& files, const std::string& directory,
                         const std::optional<Checkpoint>& before) {
  MILLRACE_ASSIGN(const auto now, read_checkpoint(files, directory));
  return before && now && now->begin != before->begin;
}

const Checkpoint::Producer* Checkpoint::find_producer(std::string_view name,
                                                      std::uint64_t frame) const {
  const auto found = std::find_if(producers.begin(), producers.end(), [&](const Producer& one) {
    return one.name == name && one.state.frame == frame;
  });
  return found == producers.end() ? nullptr : &*found;
}

void Checkpoint::take_tables(const Locked& locked, const Control& control, std::size_t rows) {
  for (std::size_t i = 0; i < rows; ++i) {
    const PartitionRow& row = control.partitions[i];
    next_offsets.push_back(row.next_offset);
    settled.push_back(row.settled.load(std::memory_order_acquire));
    starts.push_back(row.start_offset.load(std::memory_order_acquire));
  }
  settled.front() = next_offsets.front();
  positions = positions_of(locked, control);
  for (const ProducerRow& row : control.producers) {
    if (row.used != 0) {
      producers.push_back({std::string(row.name.view()), {row.sequence, row.frame}, {}});
    }
  }
}

}  // namespace millrace::log::embedded
