// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/snapshot.hpp"

#include "millrace/base/fault_point.hpp"
#include "millrace/base/hash.hpp"
#include "runtime/bytes.hpp"

namespace millrace::stream::runtime {

namespace {

constexpr std::string_view magic = "mrsnap\r\n";
constexpr std::uint32_t version = 2;
constexpr std::size_t checksum_place =
    12;  // after magic and version; it covers all that follows it

Status broken(std::string_view what) {
  return fail(millrace::errc::invalid_argument, std::string(what));
}

StoreSet::Entry* find(StoreSet& stores, std::string_view name) {
  for (StoreSet::Entry& entry : stores.entries()) {
    if (entry.spec->name == name) return &entry;
  }
  return nullptr;
}

void decode_store(Reader& reader, StoreSet& stores) {
  StoreSet::Entry* entry = find(stores, reader.take_text());
  // A store whose changelog is another topic now is another store.
  if (const auto changelog = reader.take_text();
      entry != nullptr && changelog != entry->spec->changelog)
    entry = nullptr;
  const auto next = reader.take<std::int64_t>();
  const auto count = reader.take<std::uint64_t>();
  for (std::uint64_t i = 0; i < count && reader.ok; ++i) {
    const std::string_view key = reader.take_text();
    const std::string_view value = reader.take_text();
    if (entry != nullptr && reader.ok) entry->bytes->restore(key, value);
  }
  if (entry != nullptr && reader.ok) entry->next = log::offset(next);
}

}  // namespace

void encode_snapshot(const SnapshotHead& head, StoreSet& stores, std::string& out) {
  const std::size_t start = out.size();
  out.append(magic);
  put(out, version);
  put(out, std::uint32_t{0});
  put_text(out, head.log);
  put(out, head.stamp.incarnation);
  put(out, head.stamp.position);
  put(out, head.system_next.value);
  put_text(out, head.task_state);
  put(out, static_cast<std::uint32_t>(stores.entries().size()));
  for (const StoreSet::Entry& entry : stores.entries()) {
    put_text(out, entry.spec->name);
    put_text(out, entry.spec->changelog);
    put(out, entry.next.value);
    put(out, static_cast<std::uint64_t>(entry.bytes->size()));
    entry.bytes->read_range({}, {}, [&out](std::string_view key, std::string_view value) {
      put_text(out, key);
      put_text(out, value);
      return true;
    });
  }
  const std::uint32_t checksum =
      crc32c(std::string_view(out).substr(start + checksum_place + sizeof(std::uint32_t)));
  std::memcpy(out.data() + start + checksum_place, &checksum, sizeof(checksum));
}

Result<SnapshotHead> decode_snapshot(std::string_view bytes, StoreSet& stores) {
  if (!bytes.starts_with(magic)) return fail(broken("this is no snapshot").error());
  Reader reader{bytes.substr(magic.size())};
  if (const auto found = reader.take<std::uint32_t>(); found != version) {
    return fail(broken("snapshot of version " + std::to_string(found) + "; this build reads " +
                       std::to_string(version))
                    .error());
  }
  const auto checksum = reader.take<std::uint32_t>();
  if (!reader.ok || checksum != crc32c(reader.bytes))
    return fail(broken("the checksum does not hold").error());
  SnapshotHead head;
  head.log = reader.take_text();
  head.stamp.incarnation = reader.take<std::uint32_t>();
  head.stamp.position = reader.take<std::uint64_t>();
  head.system_next = log::offset(reader.take<std::int64_t>());
  head.task_state = reader.take_text();
  const auto count = reader.take<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && reader.ok; ++i)
    decode_store(reader, stores);
  if (!reader.ok || !reader.bytes.empty())
    return fail(broken("the snapshot has another length than its content").error());
  return head;
}

SnapshotFile::SnapshotFile(FileSystem& files, const std::string& directory, std::string_view unit)
    : files_(&files), directory_(directory) {
  if (directory.empty()) return;
  std::string name(unit);
  for (char& c : name) {
    if (c == '/') c = '-';
  }
  path_ = directory + "/" + name + ".snapshot";
}

Status SnapshotFile::write_aside(std::string_view content, log::LogPosition stamp) {
  waiting_.reset();
  MILLRACE_TRY(files_->create_directories(directory_));
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

void SnapshotFile::remove() {
  waiting_.reset();
  if (exists()) static_cast<void>(files_->remove(path_));
}

}  // namespace millrace::stream::runtime
