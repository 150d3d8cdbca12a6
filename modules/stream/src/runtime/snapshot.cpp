// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/snapshot.hpp"

#include <algorithm>

#include "millrace/base/byte_reader.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream::runtime {

namespace {

constexpr std::string_view magic = "mrsnap\r\n";
constexpr std::uint32_t version = 7;
constexpr std::uint32_t version_without_lineage = 6;
constexpr std::uint32_t version_without_topic_ids = 5;
constexpr std::uint32_t version_without_times = 4;
constexpr std::uint32_t version_without_types = 3;
constexpr std::uint32_t oldest_version = 2;  // without SnapshotHead::as_of_ms
constexpr std::size_t checksum_offset =
    12;  // after magic and version; it covers all that follows it

Status broken(std::string_view what) {
  return fail(millrace::errc::invalid_argument, std::string(what));
}

StoreSet::Entry* find(StoreSet& stores, std::string_view changelog) {
  for (StoreSet::Entry& entry : stores.entries()) {
    if (entry.spec->changelog == changelog) return &entry;
  }
  return nullptr;
}

std::uint64_t types_of(const StoreSet::Entry* entry) {
  return entry == nullptr ? 0 : entry->spec->types;
}

void decode_store(ByteReader& in, std::uint32_t found, StoreSet& stores) {
  // Names may change over builds. A store whose changelog is another topic is another store.
  static_cast<void>(in.little_text<std::uint32_t>());
  StoreSet::Entry* entry = find(stores, in.little_text<std::uint32_t>());
  const bool has_topic_id = found > version_without_topic_ids;
  const auto topic_id = has_topic_id ? in.little<std::uint64_t>() : 0;
  // Its offset is one of a topic that was deleted. Without the number that is known only where
  // topics have none; changelogs are never deleted.
  if (entry != nullptr && topic_id != entry->topic_id &&
      (has_topic_id || entry->spec->source_is_changelog))
    entry = nullptr;
  // Neither the name of a table's topic nor a changelog that has values of several types says of
  // which type these are.
  if (found <= version_without_types && entry != nullptr &&
      (entry->spec->source_is_changelog || !entry->spec->value_types.empty()))
    entry = nullptr;
  // Its entries are of other types than this build's.
  if (found > version_without_types && in.little<std::uint64_t>() != types_of(entry))
    entry = nullptr;
  const auto next = in.little<std::int64_t>();
  const auto count = in.little<std::uint64_t>();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view key = in.little_text<std::uint32_t>();
    const std::string_view value = in.little_text<std::uint32_t>();
    const std::int64_t time_ms =
        found > version_without_times ? in.little<std::int64_t>() : no_entry_time;
    if (entry != nullptr && in.ok()) entry->bytes->restore(key, value, time_ms);
  }
  if (entry != nullptr && in.ok()) entry->next = log::offset(next);
}

}  // namespace

void encode_snapshot(const SnapshotHead& head, StoreSet& stores, std::string& bytes) {
  ByteWriter out(bytes);
  const std::size_t start = out.position();
  // In memory and on Kafka there are no lineages, on Kafka topics have no numbers either: builds of
  // before read it.
  const bool has_topic_ids =
      std::any_of(stores.entries().begin(), stores.entries().end(),
                  [](const StoreSet::Entry& entry) { return entry.topic_id != 0; });
  const std::uint32_t written = head.lineage != log::Lineage{} ? version
                                : has_topic_ids                ? version_without_lineage
                                                               : version_without_topic_ids;
  out.bytes(magic).little(written).little(std::uint32_t{0});
  out.little_text<std::uint32_t>(head.log);
  if (written > version_without_lineage) out.little(head.lineage.value);
  out.little(head.stamp.era).little(head.stamp.position).little(head.as_of_ms);
  out.little(head.system_next.value);
  out.little_text<std::uint32_t>(head.task_state);
  out.little(static_cast<std::uint32_t>(stores.entries().size()));
  for (const StoreSet::Entry& entry : stores.entries()) {
    out.little_text<std::uint32_t>(entry.spec->name);
    out.little_text<std::uint32_t>(entry.spec->changelog);
    if (written > version_without_topic_ids) out.little(entry.topic_id);
    out.little(entry.spec->types);
    out.little(entry.next.value).little(static_cast<std::uint64_t>(entry.bytes->size()));
    entry.bytes->read_all(
        [&out](std::string_view key, std::string_view value, std::int64_t time_ms) {
          out.little_text<std::uint32_t>(key).little_text<std::uint32_t>(value).little(time_ms);
        });
  }
  const std::string_view checked =
      out.view().substr(start + checksum_offset + sizeof(std::uint32_t));
  store_little(out.at(start + checksum_offset), crc32c(checked));
}

Result<SnapshotHead> decode_snapshot(std::string_view bytes, StoreSet& stores) {
  if (!bytes.starts_with(magic)) return fail(broken("this is no snapshot").error());
  ByteReader in(bytes.substr(magic.size()));
  const auto found = in.little<std::uint32_t>();
  const auto checksum = in.little<std::uint32_t>();
  // Magic, version and checksum lie at the same offsets in every version.
  if (!in.ok() || checksum != crc32c(in.rest()))
    return fail(broken("the checksum does not hold").error());
  if (found > version)
    return fail(errc::incompatible, newer_format("", "the snapshot", found, version));
  if (found < oldest_version)
    return fail(
        broken("it is of version " + std::to_string(found) + ", which nobody reads any more")
            .error());
  SnapshotHead head;
  head.log = in.little_text<std::uint32_t>();
  if (found > version_without_lineage) head.lineage.value = in.little<std::uint64_t>();
  head.stamp.era = in.little<std::uint32_t>();
  head.stamp.position = in.little<std::uint64_t>();
  if (found > oldest_version) head.as_of_ms = in.little<std::int64_t>();
  head.system_next = log::offset(in.little<std::int64_t>());
  head.task_state = in.little_text<std::uint32_t>();
  const auto count = in.little<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i)
    decode_store(in, found, stores);
  if (!in.ok() || !in.at_end())
    return fail(broken("the snapshot has another length than its content").error());
  return head;
}

SnapshotFile::SnapshotFile(FileSystem& files, const std::string& directory, std::string_view task)
    : files_(&files), directory_(directory) {
  if (directory.empty()) return;
  std::string name(task);
  for (char& c : name) {
    if (c == '/') c = '-';
  }
  path_ = directory + "/" + name + ".snapshot";
}

Status SnapshotFile::write_aside(std::string_view content, log::LogPosition stamp) {
  waiting_.reset();
  MILLRACE_TRY(files_->create_directories(directory_));
  if (exists() && !holds_snapshot()) {
    return fail(millrace::errc::invalid_argument,
                "{}: is no snapshot and is not replaced by one; move it away, or give the service "
                "a state directory of its own",
                path_);
  }
  MILLRACE_ASSIGN(auto file, files_->open(path_ + ".new", OpenMode::create));
  MILLRACE_TRY(file->truncate(0));
  MILLRACE_TRY(file->write_at(0, content));
  MILLRACE_TRY(file->sync());
  MILLRACE_FAULT_POINT("stream.snapshot.written");
  waiting_ = stamp;
  return {};
}

Status SnapshotFile::publish() {
  waiting_.reset();
  MILLRACE_TRY(files_->rename(path_ + ".new", path_));
  MILLRACE_FAULT_POINT("stream.snapshot.published");
  return files_->sync_directory(directory_);
}

bool SnapshotFile::holds_snapshot() const {
  if (!exists()) return false;
  const auto file = files_->open(path_, OpenMode::read);
  if (!file) {
    return false;
  }
  char head[magic.size()] = {};
  const auto got = (*file)->read_at(0, head, sizeof head);
  // One that was cut short within its first bytes is a snapshot too, else it would keep out all
  // later ones.
  return got && magic.starts_with(std::string_view(head, *got));
}

}  // namespace millrace::stream::runtime
