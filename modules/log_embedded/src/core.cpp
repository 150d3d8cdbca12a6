// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "core.hpp"

#include "millrace/base/assert.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "recovery.hpp"
#include "version.hpp"

namespace millrace::log::embedded {
namespace {

// How long an opener waits for another one's recovery, and between two looks.
constexpr std::int64_t open_patience_ns = 60'000'000'000;
constexpr std::int64_t open_pause_ns = 5'000'000;
constexpr int simulated_attempts = 3;

}  // namespace

Error log_error(Error error) {
  return error.is(millrace::errc::disk_full) ? Error(errc::disk_full, error.message())
                                             : std::move(error);
}

Core::Core(const std::string& where, LogEnvironment& outside, LogOptions wanted,
           const EmbeddedOptions& own)
    : environment(outside),
      directory(where),
      options(std::move(wanted)),
      embedded(own),
      journal(outside.files, where + names::journal,
              options.access == LogAccess::read_only ? OpenMode::read : OpenMode::read_write) {}

Result<std::unique_ptr<Core>> Core::open(const std::string& directory, LogEnvironment& environment,
                                         LogOptions options, const EmbeddedOptions& embedded) {
  if (!options.create && !environment.files.exists(directory + names::version)) {
    return fail(errc::not_found, directory + ": there is no log in this directory");
  }
  if (!environment.files.exists(directory + names::version)) {
    MILLRACE_TRY(check_room_for_new_log(environment.files, directory));
  }
  std::unique_ptr<Core> core(new Core(directory, environment, std::move(options), embedded));
  auto region = core->regions().open(directory, core->options.force);
  if (!region) {
    return fail(log_error(std::move(region).error()));
  }
  core->region = *std::move(region);
  if (auto attached = core->attach(); !attached) {
    return fail(log_error(std::move(attached).error()));
  }
  MILLRACE_TRY(core->join());
  return core;
}

Status Core::attach() {
  const std::int64_t give_up_ns = environment.clock.monotonic_ns() + open_patience_ns;
  for (int attempt = 0;; ++attempt) {
    MILLRACE_ASSIGN(const bool attached, try_attach());
    if (attached) {
      return {};
    }
    if (environment.clock.monotonic_ns() > give_up_ns ||
        (region->simulated() && attempt == simulated_attempts)) {
      return fail(millrace::errc::busy, directory +
                                            ": other processes have this log open, but its control "
                                            "file is missing, damaged or being made; "
                                            "stop them and open it again");
    }
    std::uint32_t word = 0;
    region->wait(&word, 0, open_pause_ns);
  }
}

Result<bool> Core::try_attach() {
  MILLRACE_ASSIGN(auto alone, Alone::take(*region));
  if (alone) {
    MILLRACE_TRY(Recovery(*this, *alone).run());
    index = std::make_unique<Index>(*control, *region);
    MILLRACE_FAULT_POINT("recovery.before_share");
    alone.reset();
    MILLRACE_ASSIGN(const bool shared, region->try_lock(SharedRegion::LockMode::shared));
    MILLRACE_ASSERT(shared, "an exclusive lock can always be made a shared one");
    return true;
  }
  MILLRACE_ASSIGN(const bool shared, region->try_lock(SharedRegion::LockMode::shared));
  if (!shared) {
    return false;
  }
  MILLRACE_ASSIGN(const bool joined, join_running());
  if (!joined) {
    MILLRACE_TRY(region->try_lock(SharedRegion::LockMode::none));
  }
  return joined;
}

Status Core::read_version() {
  MILLRACE_ASSIGN(const Version version, read_version_file(environment.files, directory));
  log_id = version.log_id;
  if (const std::string reason = read_failure_file(environment.files, directory); !reason.empty()) {
    return fail(errc::failed_sync, directory + ": a sync failed earlier (" + reason +
                                       "); run `millrace log repair` before it is used again");
  }
  return {};
}

Result<bool> Core::join_running() {
  MILLRACE_ASSIGN(char* const memory, region->map(sizeof(Control), false));
  if (memory == nullptr) {
    return false;
  }
  control = reinterpret_cast<Control*>(memory);
  const SharedRegion::Identity self = region->identity();
  if (control->magic != control_magic || control->device != self.device ||
      control->inode != self.inode) {
    return false;
  }
  // Before `valid`, which lies elsewhere in another layout.
  if (control->layout != control_layout || control->bytes != sizeof(Control)) {
    return fail(errc::incompatible,
                directory +
                    "/control: in use by processes of another version of Millrace: the control "
                    "file has layout " +
                    std::to_string(control->layout) + ", this program shares layout " +
                    std::to_string(control_layout) + " only; stop them, or use their version");
  }
  if (control->valid.load(std::memory_order_acquire) != 1) {
    return false;
  }
  if (control->boot != self.boot || control->pid_namespace != self.pid_namespace) {
    return fail(errc::incompatible, directory +
                                        ": in use from another machine or PID namespace; all "
                                        "processes of a log must see each other");
  }
  MILLRACE_TRY(read_version());
  index = std::make_unique<Index>(*control, *region);
  MILLRACE_TRY(journal.refresh());
  MILLRACE_TRY(refresh_catalog());
  return true;
}

Core::~Core() {
  if (slot >= 0 && !region->dead() && !region->forked()) {
    leave();
  }
}

void Core::leave() {
  bool clean = false;
  if (auto locked = lock_even_failed()) {
    clean_slot(*locked, static_cast<std::uint32_t>(slot));
    clean = control->failed.load(std::memory_order_relaxed) == 0;
  }
  if (!check_in_place()) {
    return;
  }
  region->leave(slot);
  const auto alone = Alone::take(*region);
  if (clean && alone && *alone) {
    if (const auto made = make_checkpoint(**alone)) {
      // Without it the next to open walks a longer way, and that is all.
      static_cast<void>(write_checkpoint(*made));
    }
    journal.remove_unfinished();
  }
}

void Core::die() { region->die(); }

Result<WriterLock::Held> Core::lock_even_failed() {
  MILLRACE_TRY(check_open());
  auto acquired = writer_lock->acquire();
  if (!acquired) {
    MILLRACE_TRY(check_in_place());
    return std::unexpected(std::move(acquired).error());
  }
  WriterLock::Held locked = *std::move(acquired);
  MILLRACE_TRY(check_open());
  if (locked.taken_over()) {
    MILLRACE_TRY(check_in_place());
    if (auto repaired = repair(locked); !repaired) {
      mark_failed("what a dead process left cannot be repaired: " + repaired.error().message());
    }
  }
  return locked;
}

Result<WriterLock::Held> Core::lock() {
  MILLRACE_ASSIGN(WriterLock::Held locked, lock_even_failed());
  MILLRACE_TRY(check_not_failed());
  return locked;
}

Status Core::check_open() const {
  MILLRACE_ASSERT(!region->forked(),
                  "a log handle must not be used in a forked child: open the log there");
  if (region->dead()) [[unlikely]] {
    return fail(closed_error(options.member));
  }
  return {};
}

Status Core::check_not_failed() const {
  if (control->failed.load(std::memory_order_acquire) != 0) [[unlikely]] {
    return fail(errc::failed_sync, directory + ": " + std::string(control->failure.view()) +
                                       "; run `millrace log repair`");
  }
  return {};
}

Status Core::check_in_place() {
  MILLRACE_TRY(check_open());
  if (environment.files.exists(directory + names::version) && !region->replaced()) {
    return {};
  }
  // Nobody would ever read what this handle still commits.
  region->die();
  return fail(
      errc::closed,
      directory +
          ": the log vanished or was replaced: its files were removed or moved while it was "
          "in use; stop all processes of this log, put it back if it is missing, and open "
          "it again");
}

void Core::mark_failed(const std::string& reason) {
  if (check_in_place()) {
    static_cast<void>(write_failure_file(environment.files, directory, reason));
  }
  control->failure.set(reason);
  control->failed.store(1, std::memory_order_release);
  wake_everybody();
}

Status Core::refresh_segments() {
  const std::uint32_t version = control->segments_version.load(std::memory_order_acquire);
  if (segments_seen_.load(std::memory_order_relaxed) != version) [[unlikely]] {
    MILLRACE_TRY(check_in_place());
    MILLRACE_TRY(journal.refresh());
    segments_seen_.store(version, std::memory_order_relaxed);
  }
  return {};
}

Status Core::refresh_catalog() {
  const MutexLock guard(catalog_mutex_);
  PartitionRow& row = control->partitions[0];
  std::string batch;
  std::vector<RecordView> records;
  while (true) {
    const std::uint64_t count = row.count.load(std::memory_order_seq_cst);
    const std::uint64_t committed = control->committed.load(std::memory_order_seq_cst);
    if (catalog_next_ >= count) {
      return {};
    }
    MILLRACE_ASSIGN(const IndexEntry entry, index->at(row, catalog_next_));
    if (entry.position() >= committed) {
      return {};
    }
    MILLRACE_TRY(refresh_segments());
    batch.resize(entry.bytes());
    MILLRACE_ASSIGN(const std::size_t got,
                    journal.read(entry.position(), batch.data(), batch.size()));
    const auto header = read_batch_header(std::string_view(batch).substr(0, got));
    if (!header || !batch_checksum_holds(std::string_view(batch).substr(0, header->bytes))) {
      return fail(errc::corrupt, journal.path_of(entry.position()) + ": the batch at position " +
                                     std::to_string(entry.position()) +
                                     " of the catalog does not check");
    }
    records.clear();
    MILLRACE_TRY(decode_batch(std::string_view(batch).substr(0, header->bytes), records));
    for (const RecordView& record : records) {
      MILLRACE_TRY(catalog.apply(record.value.value_or("")));
    }
    catalog_next_ += 1;
  }
}

void Core::skip_catalog(std::uint64_t batches) {
  const MutexLock guard(catalog_mutex_);
  catalog_next_ = batches;
}

Result<const CatalogTopic*> Core::topic_of(TopicId id) {
  const CatalogTopic* topic = catalog.find(id);
  if (topic == nullptr) [[unlikely]] {
    MILLRACE_TRY(refresh_catalog());
    topic = catalog.find(id);
    if (topic == nullptr) {
      return fail(unknown_topic_error(id));
    }
  }
  return topic;
}

Result<PartitionRow*> Core::row_of(TopicPartition place) {
  MILLRACE_ASSIGN(const CatalogTopic* topic, topic_of(place.topic));
  MILLRACE_TRY(check_partition(topic->topic.spec, place.partition));
  return &control->partitions[topic->first_row + static_cast<std::uint32_t>(place.partition.value)];
}

}  // namespace millrace::log::embedded
