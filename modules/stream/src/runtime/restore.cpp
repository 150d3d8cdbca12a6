// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/restore.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream::runtime {

Restore::Restore(Shared& shared, const ResolvedSubTopology& resolved, log::PartitionId partition,
                 std::string_view task, StoreSet& stores)
    : shared_(&shared),
      resolved_(&resolved),
      partition_(partition),
      task_(task),
      stores_(&stores) {}

Status Restore::begin(const SnapshotFile& snapshot) {
  forget();
  MILLRACE_TRY(plan());
  if (snapshot.exists()) {
    if (Status loaded = load(snapshot); !loaded) {
      if (loaded.error().is(errc::incompatible))
        return fail(errc::incompatible,
                    "{}: {}: {}, or remove the file to restore the stores from their changelogs",
                    task_, snapshot.path(), loaded.error().message());
      shared_->report(Level::warn, "snapshot ignored, replaying the changelogs",
                      task_ + ": " + snapshot.path() + ": " + loaded.error().message());
      forget();
    }
  }
  for (Replay& replay : replays_) {
    const log::Offset reached = replay.store != nullptr ? replay.store->next : system_next_;
    if (reached <= replay.next) continue;
    replay.next = reached;
    replay.known = reached;
  }
  return {};
}

// What there is to replay when there is no snapshot.
Status Restore::plan() {
  replays_.clear();
  current_ = 0;
  is_whole_ = true;
  for (StoreSet::Entry& entry : stores_->entries())
    replays_.push_back(entry.changelog ? replay_of_changelog(entry) : replay_of_table(entry));
  if (resolved_->system) replays_.emplace_back().partition = {*resolved_->system, partition_};
  std::vector<log::TopicPartition> partitions;
  std::vector<log::TopicPartition> tables;
  for (const Replay& replay : replays_) {
    partitions.push_back(replay.partition);
    if (replay.table != nullptr) tables.push_back(replay.partition);
  }
  if (partitions.empty()) return {};
  began_ns_ = shared_->environment.clock.monotonic_ns();
  for (Replay& replay : replays_) {
    if (replay.store == nullptr) continue;
    MILLRACE_ASSIGN(replay.complete, shared_->log.tombstones_complete_from(replay.partition));
  }
  MILLRACE_ASSIGN(const auto starts, shared_->log.start_offsets(partitions));
  MILLRACE_ASSIGN(const auto ends, shared_->log.end_offsets(partitions));
  for (std::size_t i = 0; i < replays_.size(); ++i) {
    replays_[i].next = starts[i];
    replays_[i].end = ends[i];
  }
  if (tables.empty()) return {};
  // A table's own topic counts up to what the task has committed of it: what follows is input.
  MILLRACE_ASSIGN(const auto positions, shared_->log.positions(resolved_->group, tables));
  auto position = positions.begin();
  for (Replay& replay : replays_) {
    if (replay.table != nullptr) replay.end = (position++)->value_or(log::Offset{});
  }
  return {};
}

void Restore::forget() {
  for (StoreSet::Entry& entry : stores_->entries()) {
    entry.bytes->clear();
    entry.next = log::Offset{};
  }
  state_ = {};
  system_next_ = {};
}

Status Restore::load(const SnapshotFile& snapshot) {
  MILLRACE_ASSIGN(const std::string bytes, snapshot.read());
  MILLRACE_ASSIGN(const SnapshotHead head, decode_snapshot(bytes, *stores_));
  MILLRACE_TRY(check_snapshot(head));
  MILLRACE_TRY(check_age(head));
  if (!head.task_state.empty()) {
    MILLRACE_ASSIGN(state_, decode_task_state(head.task_state));
  }
  system_next_ = head.system_next;
  from_snapshot_ = true;
  return {};
}

// A snapshot is published for durable positions only, so it can be of what the log does not hold
// only when the log is another one, or lost some of what it held.
Status Restore::check_snapshot(const SnapshotHead& head) {
  if (head.log != shared_->log.identity()) {
    return fail(millrace::errc::invalid_argument, "it is of the log {}, this one is {}", head.log,
                shared_->log.identity());
  }
  MILLRACE_TRY(shared_->log.check_past(head.lineage, head.stamp));
  for (const Replay& replay : replays_) {
    if (replay.store == nullptr && head.system_next > replay.end)
      return fail(millrace::errc::invalid_argument, "its task state is ahead of the changelog");
    if (replay.store != nullptr && replay.store->next > replay.end)
      return fail(millrace::errc::invalid_argument, "its store {} is ahead of the changelog",
                  replay.store->spec->name);
  }
  return {};
}

// What was deleted after it shows by tombstones alone, and those do not stay for ever. Half of the
// time that they do is left for clocks that differ and for the replay.
Status Restore::check_age(const SnapshotHead& head) {
  for (const Replay& replay : replays_) {
    if (replay.store == nullptr) continue;
    if (replay.store->next > replay.next) MILLRACE_TRY(check_tombstones(replay));
    MILLRACE_ASSIGN(const auto kept_ms,
                    shared_->log.tombstone_retention_ms(replay.partition.topic));
    if (!kept_ms) continue;
    const std::int64_t age_ms = shared_->environment.clock.wall_ms() - head.as_of_ms;
    if (head.as_of_ms > 0 && age_ms > -*kept_ms / 2 && age_ms < *kept_ms / 2) continue;
    return fail(errc::snapshot_too_old,
                "{}, and the changelog of store {} keeps deletions for {} s: one older than half "
                "of that may bring back what was deleted",
                head.as_of_ms > 0 ? "it is " + std::to_string(age_ms / 1'000) + " s old"
                                  : std::string("it does not say how old it is"),
                replay.store->spec->name, *kept_ms / 1'000);
  }
  return {};
}

// Compaction says up to where it has removed tombstones.
Status Restore::check_tombstones(const Replay& replay) {
  const log::Offset from = replay.store->next;
  MILLRACE_ASSIGN(const log::Offset complete_from,
                  shared_->log.tombstones_complete_from(replay.partition));
  if (from >= complete_from) return {};
  return fail(errc::snapshot_too_old,
              "it has the changelog of store {} up to offset {}, and deletions before offset {} "
              "are gone: it may bring back what was deleted",
              replay.store->spec->name, from.value, complete_from.value);
}

Result<std::int64_t> Restore::tombstones_kept_ms(log::TopicId topic) {
  MILLRACE_ASSIGN(const auto known, shared_->log.tombstone_retention_ms(topic));
  if (known) return *known;
  MILLRACE_ASSIGN(const log::TopicSettings settings, shared_->log.topic_settings(topic));
  return settings.delete_retention_ms;
}

// Whether tombstones were removed while the changelogs were replayed. Then a replay may have read a
// record of a key and missed its deletion. Deletions in the snapshot are not missed, nor those that
// were gone before the replay began: the records that they delete were gone too. A tombstone stays
// for a time after these went, so a replay that was faster has missed nothing either. Without that,
// the replay of a topic whose tombstones go all the time would never end.
Result<bool> Restore::misses_tombstones() {
  for (const Replay& replay : replays_) {
    if (replay.store == nullptr) continue;
    MILLRACE_ASSIGN(const log::Offset complete_from,
                    shared_->log.tombstones_complete_from(replay.partition));
    const log::Offset from = std::max(replay.known, replay.complete);
    if (std::min(complete_from, replay.end) <= from) continue;
    if (replay.known == log::Offset{}) {
      MILLRACE_ASSIGN(const std::int64_t kept_ms, tombstones_kept_ms(replay.partition.topic));
      const std::int64_t took_ns = shared_->environment.clock.monotonic_ns() - began_ns_;
      // Half of it, as for the age of a snapshot.
      if (took_ns / 1'000'000 < kept_ms / 2) continue;
    }
    shared_->report(Level::warn,
                    from_snapshot_ ? "snapshot ignored, replaying the changelogs"
                                   : "replaying the changelogs again",
                    task_ + ": deletions before offset " + std::to_string(complete_from.value) +
                        " of the changelog of store " + replay.store->spec->name +
                        " were removed while it was replayed from offset " +
                        std::to_string(from.value));
    return true;
  }
  return false;
}

Restore::Replay Restore::replay_of_changelog(StoreSet::Entry& entry) {
  Replay replay;
  replay.store = &entry;
  replay.types = std::make_unique<StoredTypes>(*entry.spec);
  replay.partition = *entry.changelog;
  return replay;
}

Restore::Replay Restore::replay_of_table(StoreSet::Entry& entry) const {
  Replay replay;
  replay.store = &entry;
  for (const InputTopic& input : resolved_->inputs) {
    for (const std::size_t index : input.sources) {
      const SourceSpec& source = shared_->topology.sources[index];
      if (source.table != entry.spec->id) continue;
      replay.partition = {input.topic.id, partition_};
      replay.table = std::make_unique<SourceReader>(source);
    }
  }
  MILLRACE_ASSERT(replay.table != nullptr,
                  "a store without a changelog is a table read from a topic");
  return replay;
}

Result<bool> Restore::slice(std::size_t max_bytes) {
  std::size_t read = 0;
  while (current_ < replays_.size()) {
    Replay& replay = replays_[current_];
    if (replay.next >= replay.end) {
      if (replay.store != nullptr) replay.store->next = replay.end;
      if (replay.store == nullptr) system_next_ = replay.end;
      report_left_out(replay);
      ++current_;
      continue;
    }
    if (read >= max_bytes) return false;
    MILLRACE_TRY(shared_->log.fetch(replay.partition, replay.next, max_bytes - read, buffer_));
    for (const log::RecordView& record : buffer_.records) {
      if (record.offset >= replay.end) break;
      if (replay.types != nullptr && replay.types->unchanged(record)) {
        if (record.key)
          replay.store->bytes->restore(*record.key, record.value, record.timestamp_ms);
      } else {
        MILLRACE_TRY(apply(replay, record));
      }
      ++replayed_;
      read += record.value.value_or(std::string_view()).size() +
              record.key.value_or(std::string_view()).size();
    }
    // Offsets need not be dense: nothing more below the end is the end.
    replay.next = buffer_.records.empty() ? replay.end : buffer_.next;
  }
  MILLRACE_ASSIGN(const bool misses, misses_tombstones());
  if (!misses) return true;
  forget();
  from_snapshot_ = false;
  MILLRACE_TRY(plan());
  return false;
}

std::unexpected<Error> Restore::refused(const log::TopicPartition& partition, log::Offset offset,
                                        const Error& why) const {
  return fail(why.code(), "{}: changelog {}, partition {}, offset {}: {}", task_,
              partition.topic.value, partition.partition.value, offset.value, why.message());
}

Status Restore::apply(Replay& replay, const log::RecordView& record) {
  if (replay.store == nullptr) {
    if (!record.value) return {};
    if (auto state = decode_task_state(*record.value)) {
      state_ = std::move(*state);
    } else if (state.error().is(errc::incompatible)) {
      return refused(replay.partition, record.offset, state.error());
    } else {
      shared_->report(Level::error, "task state ignored", task_ + ": " + state.error().message());
    }
    return {};
  }
  StagedStore& bytes = *replay.store->bytes;
  if (replay.table == nullptr) {
    const auto value = replay.types->current(record);
    if (!value) return refused(replay.partition, record.offset, value.error());
    if (record.key) bytes.restore(*record.key, *value, record.timestamp_ms);
    return {};
  }
  const Result<bool> changes = change_.read(*replay.table, *replay.store->spec, record);
  if (!changes) {
    leave_out(replay, record.offset, changes.error());
  } else if (*changes) {
    bytes.restore(change_.key(), change_.value(), record.timestamp_ms);
  }
  return {};
}

// Most went to the dead letters, or was skipped, when it was processed. But what a serde throws may
// be of this moment alone.
void Restore::leave_out(Replay& replay, log::Offset offset, const Error& why) {
  if (why.is(codec::errc::serde_failed)) is_whole_ = false;
  if (replay.left_out++ == 0)
    replay.first_left_out = "offset " + std::to_string(offset.value) + ": " + why.to_string();
}

void Restore::report_left_out(const Replay& replay) const {
  if (replay.left_out == 0) return;
  shared_->report(Level::warn, "records of a table did not decode",
                  task_ + ": topic " + replay.table->spec().topic + ", partition " +
                      std::to_string(partition_.value) + ": " + std::to_string(replay.left_out) +
                      " left out, the first at " + replay.first_left_out +
                      (is_whole_ ? ""
                                 : "; no snapshot is written, so that the next start reads "
                                   "them again"));
}

std::string Restore::summary() const {
  return std::string(from_snapshot_ ? "from a snapshot, " : "") + std::to_string(replayed_) +
         " records replayed";
}

void Restore::add_interests(std::vector<log::Interest>& interests) const {
  for (std::size_t i = current_; i < replays_.size(); ++i) {
    const Replay& replay = replays_[i];
    if (replay.next < replay.end) interests.push_back({replay.partition, replay.next});
  }
}

std::int64_t Restore::records_left() const {
  std::int64_t left = 0;
  for (std::size_t i = current_; i < replays_.size(); ++i) {
    left += std::max<std::int64_t>(0, replays_[i].end.value - replays_[i].next.value);
  }
  return left;
}

}  // namespace millrace::stream::runtime
