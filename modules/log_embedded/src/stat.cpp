// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <memory>
#include <optional>

#include "ballast.hpp"
#include "catalog.hpp"
#include "checkpoint.hpp"
#include "control.hpp"
#include "fetch.hpp"
#include "follower.hpp"
#include "frame_walker.hpp"
#include "journal_begin.hpp"
#include "log_directory.hpp"
#include "mapped_file.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log_embedded/shared_region.hpp"
#include "millrace/log_embedded/tools.hpp"
#include "settled_path.hpp"
#include "unfinished.hpp"
#include "version.hpp"

namespace millrace::log {
namespace {

using namespace embedded;

Result<LogStat> stat_journal(FileSystem& files, const std::string& directory,
                             const std::optional<Checkpoint>& checkpoint) {
  MILLRACE_ASSIGN(const Version version, read_version_file(files, directory));
  LogStat stat;
  stat.format = version.format;
  stat.log_id = version.log_id;
  stat.failed = read_failure_file(files, directory);
  Journal journal(files, directory + names::journal, OpenMode::read);
  MILLRACE_TRY(journal.refresh());
  FrameWalker walker(journal, version.log_id);
  std::uint64_t begin = 0;
  if (!checkpoint) {
    MILLRACE_ASSIGN(begin, find_begin(journal, version.log_id, checkpoint));
    walker.start_at(begin, 0);
  } else {
    begin = checkpoint->begin;
    stat.incarnation = checkpoint->incarnation;
    stat.checkpoint = checkpoint->position;
    const std::vector<std::string>& catalog = checkpoint->catalog;
    const auto created =
        std::count_if(catalog.begin(), catalog.end(), [](const std::string& record) {
          const auto topic = Catalog::read_topic(record);
          return topic && topic->has_value();
        });
    const auto deleted = std::count_if(catalog.begin(), catalog.end(), Catalog::is_deletion);
    stat.topics = static_cast<std::size_t>(created - deleted);
    walker.start_at(checkpoint->position, checkpoint->checksum);
  }
  journal.forget_before(begin);
  const auto segments = journal.segments();
  stat.segments = segments.size();
  if (!segments.empty()) {
    stat.allocated_bytes = segments.back().end - segments.front().start;
    WalkedFrame frame;
    bool good = true;
    while (good) {
      MILLRACE_ASSIGN(good, walker.next(~0ULL, frame));
    }
    stat.journal_bytes = walker.position() - begin;
  }
  return stat;
}

/// Whether what was to be read may have been removed meanwhile.
bool may_be_gone(const Error& error) {
  return error.is(millrace::errc::not_found) || error.is(errc::out_of_range);
}

/// Of the files in a directory whose names end so; what is not there counts nothing.
Result<std::uint64_t> bytes_of_files(FileSystem& files, const std::string& directory,
                                     std::string_view ending) {
  const auto names = files.list(directory);
  if (!names) {
    return may_be_gone(names.error()) ? Result<std::uint64_t>(0) : fail(names.error());
  }
  std::uint64_t bytes = 0;
  for (const std::string& name : *names) {
    if (!name.ends_with(ending)) {
      continue;
    }
    const auto file = files.open(directory + "/" + name, OpenMode::read);
    if (!file && !may_be_gone(file.error())) {
      return fail(file.error());
    }
    MILLRACE_ASSIGN(const std::uint64_t size, file ? (*file)->size() : Result<std::uint64_t>(0));
    bytes += size;
  }
  return bytes;
}

/// The times of the first and the last record that a fetch from there returns.
struct Times {
  std::optional<std::int64_t> first_ms;
  std::optional<std::int64_t> last_ms;
};
Result<Times> times_at(LogParts& log, TopicPartition partition, Offset from) {
  FetchBuffer buffer;
  if (const Status fetched = fetch_records(log, partition, from, 1, buffer); !fetched) {
    return may_be_gone(fetched.error()) ? Result<Times>(Times{}) : fail(fetched.error());
  }
  return buffer.records.empty()
             ? Times{}
             : Times{buffer.records.front().timestamp_ms, buffer.records.back().timestamp_ms};
}

/// The control file of the processes that have the log open, as far as it says who they are.
struct RunningLog {
  std::unique_ptr<Control> control;  ///< null when nobody has the log open, or it is not known
  std::vector<MemberStat> members;
  std::string unknown;  ///< why the members are not known
};

RunningLog find_running(const std::string& directory, LogEnvironment& environment) {
  RunningLog found;
  const std::string path = directory + "/control";
  const auto file = environment.files.open(path, OpenMode::read);
  if (!file) {
    found.unknown = may_be_gone(file.error()) ? "" : file.error().message();
    return found;
  }
  auto control = std::make_unique<Control>();
  const auto got = (*file)->read_at(0, reinterpret_cast<char*>(control.get()), sizeof(Control));
  const SharedRegion::Identity self = real_shared_regions().open_private()->identity();
  // A control file of another boot, or that was copied, is in use by nobody.
  if (!got || *got < sizeof(ControlHead) || control->magic != control_magic ||
      is_another(path, {control->device, control->inode})) {
    return found;
  }
  if (control->layout != control_layout || *got < sizeof(Control)) {
    found.unknown = "the control file is that of another version of Millrace";
    return found;
  }
  if (control->boot != self.boot || control->valid.load() != 1) {
    return found;
  }
  const std::string host = environment.processes.self().host;
  bool active = false;
  for (const MemberRow& row : control->members) {
    active = active || row.state.load() == SlotState::active;
    if (row.state.load() == SlotState::active &&
        !environment.processes.has_ended({host, row.pid, row.start_time})) {
      found.members.push_back(
          {row.pid, std::string(row.name.view()), std::string(row.service.view())});
    }
  }
  if (active && control->pid_namespace != self.pid_namespace) {
    found.members.clear();
    found.unknown = "they run in another PID namespace";
    return found;
  }
  if (!found.members.empty()) {
    found.control = std::move(control);
  }
  return found;
}

/// Takes what a reader finds: it knows what the last checkpoint does not say yet, and the control
/// file how far a running log is settled.
class TopicReader {
 public:
  TopicReader(LogParts& log, const Control* running)
      : log_(log), running_(running), first_unsettled_(committed()) {}

  Result<TopicStat> read(const CatalogTopic& topic, const std::string& directory) {
    TopicStat stat{topic.topic.spec.name, {}, 0};
    for (std::int32_t number = 0; number < topic.topic.spec.partitions; ++number) {
      MILLRACE_ASSIGN(const PartitionStat one, read_partition(topic, number));
      stat.partitions.push_back(one);
      MILLRACE_ASSIGN(const std::uint64_t bytes,
                      bytes_of_files(log_.directory.files(),
                                     settled_directory(directory, stat.name, number), ""));
      stat.settled_bytes += bytes;
    }
    return stat;
  }
  [[nodiscard]] std::uint64_t unsettled_bytes() const { return committed() - first_unsettled_; }

 private:
  [[nodiscard]] std::uint64_t committed() const {
    return log_.directory.control().committed.load();
  }
  Result<PartitionStat> read_partition(const CatalogTopic& topic, std::int32_t number) {
    const TopicPartition at{topic.topic.id, partition(number)};
    MILLRACE_ASSIGN(const PartitionRow* row, log_.topics.row(at));
    MILLRACE_ASSIGN(const VisibleEnd visible, visible_end(log_, *row));
    PartitionStat stat;
    stat.start = offset(row->start_offset.load());
    stat.end = offset(visible.end);
    std::int64_t settled = row->settled.load();
    if (running_ != nullptr) {
      const std::size_t which = topic.row(number);
      settled = std::max(settled, running_->partitions[which].settled.load());
    }
    stat.settled = std::min(offset(settled), stat.end);
    MILLRACE_ASSIGN(const std::uint64_t first,
                    log_.index.find(*row, visible.count, stat.settled.value));
    if (first < visible.count) {
      MILLRACE_ASSIGN(const IndexEntry entry, log_.index.at(*row, first));
      first_unsettled_ = std::min(first_unsettled_, entry.position - entry.frame_offset);
    }
    if (stat.start < stat.end) {
      MILLRACE_ASSIGN(const Times front, times_at(log_, at, stat.start));
      MILLRACE_ASSIGN(const Times back, times_at(log_, at, offset(visible.end - 1)));
      stat.first_ms = front.first_ms;
      stat.last_ms = back.last_ms;
    }
    return stat;
  }

  LogParts& log_;
  const Control* running_;
  std::uint64_t first_unsettled_;
};

Status add_topics(LogStat& stat, const std::string& directory, LogEnvironment& environment,
                  const Control* running) {
  MILLRACE_ASSIGN(const auto follower, Follower::open(directory, environment, {}, {}));
  LogParts& log = follower->log();
  TopicReader reader(log, running);
  std::vector<TopicStat> topics;
  for (const Topic& topic : log.topics.catalog().topics()) {
    MILLRACE_ASSIGN(const CatalogTopic* known, log.topics.topic(topic.id));
    MILLRACE_ASSIGN(TopicStat one, reader.read(*known, directory));
    topics.push_back(std::move(one));
  }
  stat.by_topic = std::move(topics);
  stat.topics = stat.by_topic.size();
  stat.unsettled_bytes = reader.unsettled_bytes();
  return {};
}

/// Of all files of settled segments, also of topics that cannot be read.
Result<std::uint64_t> settled_bytes(FileSystem& files, const std::string& directory) {
  const auto names = files.list(directory);
  std::uint64_t bytes = 0;
  for (const std::string& name : names.value_or(std::vector<std::string>{})) {
    MILLRACE_ASSIGN(const std::uint64_t some, bytes_of_files(files, directory + "/" + name, ""));
    bytes += some;
  }
  return names || may_be_gone(names.error()) ? Result<std::uint64_t>(bytes) : fail(names.error());
}

Status add_files(LogStat& stat, FileSystem& files, const std::string& directory) {
  MILLRACE_ASSIGN(stat.prepared_bytes,
                  bytes_of_files(files, directory + names::journal, prepared_suffix));
  MILLRACE_ASSIGN(stat.settled_bytes, settled_bytes(files, directory + names::settled));
  MILLRACE_ASSIGN(stat.ballast_bytes, bytes_of_files(files, directory, ballast_name));
  return {};
}

}  // namespace

Result<LogStat> stat_log(const std::string& directory, LogEnvironment& environment) {
  FileSystem& files = environment.files;
  MILLRACE_TRY(read_version_file(files, directory));
  while (true) {
    MILLRACE_ASSIGN(const auto checkpoint, read_checkpoint(files, directory));
    auto stat = stat_journal(files, directory, checkpoint);
    MILLRACE_ASSIGN(const bool moved, begin_moved(files, directory, checkpoint));
    if (!stat && moved) {
      continue;
    }
    if (!stat) {
      return stat;
    }
    MILLRACE_TRY(add_files(*stat, files, directory));
    RunningLog running = find_running(directory, environment);
    stat->members = std::move(running.members);
    stat->members_unknown = std::move(running.unknown);
    Status added = add_topics(*stat, directory, environment, running.control.get());
    if (!added) {
      // What it was to read may have been removed meanwhile.
      added = add_topics(*stat, directory, environment, running.control.get());
    }
    stat->unreadable = added ? "" : added.error().message();
    return stat;
  }
}

}  // namespace millrace::log
