// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "read_only_log.hpp"

#include <algorithm>
#include <atomic>

#include "fetch.hpp"
#include "find_time.hpp"
#include "groups.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "tombstones.hpp"

namespace millrace::log::embedded {
namespace {

// Nobody wakes a handle that is no member: it looks five times a second.
constexpr std::int64_t poll_ns = 200'000'000;

// What is looked for may be removed again and again while it is read.
constexpr int looks_max = 4;

bool may_pass(const Error& error) {
  return !error.is(errc::out_of_range) && !error.is(errc::topic_replaced);
}

class PollingWaiter final : public Waiter {
 public:
  explicit PollingWaiter(ReadOnlyLog& log) : log_(log) {}

  WaitOutcome wait(std::span<const Interest> interests, std::int64_t deadline_ns) override {
    SharedRegion& region = log_.region();
    while (true) {
      const std::uint32_t seen = word_.load(std::memory_order_acquire);
      if (interrupted_.exchange(false, std::memory_order_seq_cst) || region.dead()) {
        return WaitOutcome::interrupted;
      }
      if (log_.has_news(interests)) {
        return WaitOutcome::ready;
      }
      const std::int64_t left_ns = deadline_ns - log_.clock().monotonic_ns();
      if (left_ns <= 0) {
        return WaitOutcome::timeout;
      }
      region.wait(futex_of(word_), seen, std::min(left_ns, poll_ns));
    }
  }
  void interrupt() override {
    interrupted_.store(true, std::memory_order_seq_cst);
    word_.fetch_add(1, std::memory_order_seq_cst);
    log_.region().wake(futex_of(word_), 1);
  }

 private:
  ReadOnlyLog& log_;
  std::atomic<std::uint32_t> word_ = 0;
  std::atomic<bool> interrupted_ = false;
};

}  // namespace

Result<std::unique_ptr<Log>> ReadOnlyLog::open(const std::string& directory,
                                               LogEnvironment& environment, LogOptions options,
                                               const EmbeddedOptions& embedded,
                                               std::string reason) {
  MILLRACE_ASSIGN(auto follower,
                  Follower::open(directory, environment, std::move(options), embedded));
  // Perhaps that is why the log could not be opened for writing.
  if (!follower->failed().empty() && !reason.contains(follower->failed())) {
    reason += "; a sync failed earlier (" + follower->failed() +
              "), so the last records may not be on the disk: run `millrace log repair`";
  }
  return std::unique_ptr<Log>(new ReadOnlyLog(std::move(follower), std::move(reason)));
}

LogPosition ReadOnlyLog::end_of(Follower& follower) {
  const Control& control = follower.log().directory.control();
  return {control.incarnation, control.committed.load(std::memory_order_acquire)};
}

Status ReadOnlyLog::follow(Follower& follower) {
  const Status followed = follower.follow();
  // Perhaps what it read was removed under it: then the next call says so.
  return followed || followed.error().is(errc::out_of_range) ? followed : follower.follow();
}

Status ReadOnlyLog::refresh() {
  if (replaced_) {
    return fail(*replaced_);
  }
  MILLRACE_TRY(log().directory.check_open());
  const Status followed = follow(*follower_);
  if (!followed && followed.error().is(errc::out_of_range)) {
    return follow_again();
  }
  MILLRACE_TRY(followed);
  // A lineage begins with an opening, and the frames of each opening have another era.
  const LogPosition end = end_of(*follower_);
  if (end.era != seen_.position.era) {
    return take_lineage();
  }
  seen_.position = end;
  return {};
}

/// Takes the lineage that continues what was read. Without one that can be read now it stays as it
/// is, and so does the position that is known to belong to it.
Status ReadOnlyLog::take_lineage() {
  const auto found = lineages();
  const Lineage current = found ? found->current() : Lineage{};
  // What was read must be there still after the lineages were read.
  const Status followed = current == seen_.lineage ? Status{} : follow(*follower_);
  if (!followed || (current == Lineage{} && seen_.lineage != current)) {
    return !followed && !followed.error().is(errc::out_of_range) ? followed : Status{};
  }
  if (current != seen_.lineage) {
    MILLRACE_TRY(check_same_history(*found, end_of(*follower_)));
  }
  seen_ = {current, end_of(*follower_)};
  return {};
}

/// errc::closed, for good, when the log was put back from a backup or repaired below what was read.
Status ReadOnlyLog::check_same_history(const Lineages& found, LogPosition end) {
  if (seen_.lineage == Lineage{}) {
    return {};
  }
  const Status past = found.check_past(seen_.lineage, seen_.position, end);
  if (!past) {
    replaced_ = Error(errc::closed, first_->log().directory.path() +
                                        ": the log was repaired or replaced while it was read: " +
                                        past.error().message() + "; open the log again");
    return fail(*replaced_);
  }
  return {};
}

/// The journal was removed behind this handle: it begins again with the checkpoint.
Status ReadOnlyLog::follow_again() {
  LogDirectory& directory = first_->log().directory;
  MILLRACE_ASSIGN(auto later, Follower::open(directory.path(), directory.environment(),
                                             directory.options(), directory.embedded_options()));
  const auto found = lineages();
  if (const Status followed = follow(*later); !followed) {
    return followed.error().is(errc::out_of_range) ? follow_again() : followed;
  }
  if (found && found->current() != Lineage{}) {
    MILLRACE_TRY(check_same_history(*found, end_of(*later)));
    seen_ = {found->current(), end_of(*later)};
  }
  later_ = std::move(later);
  follower_ = later_.get();
  return {};
}

/// Learns what was removed since the last look: segments of the journal, which are settled then,
/// and by retention.
Status ReadOnlyLog::look_again() {
  MILLRACE_TRY(refresh());
  return follower_->take_starts();
}

std::unexpected<Error> ReadOnlyLog::refused(const std::string& what) const {
  return fail(errc::read_only, "{}: cannot {}: the log is open for reading only ({})",
              first_->log().directory.path(), what, reason_);
}

Result<Topic> ReadOnlyLog::create_topic(const TopicSpec& spec, const TopicSettings& settings) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  const CatalogTopic* found = log().topics.catalog().find(std::string_view(spec.name));
  MILLRACE_TRY(check_create_topic(spec, settings, found == nullptr ? nullptr : &found->topic.spec,
                                  log().directory.options().service, UnreadRecords::stay));
  if (found == nullptr) {
    return refused("create the topic '" + spec.name + "'");
  }
  return found->topic;
}

Result<Topic> ReadOnlyLog::find_topic(std::string_view name) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  const CatalogTopic* found = log().topics.catalog().find(name);
  if (found == nullptr) {
    return fail(unknown_topic_error(name));
  }
  return found->topic;
}

Result<std::vector<Topic>> ReadOnlyLog::topics() {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  return log().topics.catalog().topics();
}

Result<TopicSettings> ReadOnlyLog::topic_settings(TopicId topic) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  MILLRACE_ASSIGN(const CatalogTopic* found, log().topics.topic(topic));
  return log().topics.catalog().settings(*found).settings;
}

Result<TopicSettings> ReadOnlyLog::alter_topic(TopicId topic,
                                               std::span<const SettingChange> changes) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  MILLRACE_ASSIGN(const CatalogTopic* found, log().topics.topic(topic));
  MILLRACE_TRY(check_alter_topic(found->topic.spec,
                                 log().topics.catalog().settings(*found).settings, changes,
                                 log().directory.options().service, UnreadRecords::stay));
  return refused("change the settings of topic '" + found->topic.spec.name + "'");
}

Result<Topic> ReadOnlyLog::add_partitions(TopicId topic, std::int32_t total) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  MILLRACE_ASSIGN(const CatalogTopic* found, log().topics.topic(topic));
  const TopicSpec& spec = found->topic.spec;
  MILLRACE_TRY(check_add_partitions(spec, total, log().directory.options().service));
  if (total == spec.partitions) {
    return found->topic;
  }
  return refused("add partitions to topic '" + spec.name + "'");
}

Status ReadOnlyLog::delete_topic(TopicId topic) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  const Catalog& catalog = log().topics.catalog();
  const CatalogTopic* const found = catalog.find(topic);
  if (found == nullptr) {
    return fail(unknown_topic_error(topic));
  }
  MILLRACE_TRY(check_delete_topic(found->topic.spec, log().directory.options().service));
  if (catalog.is_deleted(topic)) {
    return {};
  }
  return refused("delete the topic '" + found->topic.spec.name + "'");
}

Result<Committed> ReadOnlyLog::commit(Transaction& /*transaction*/) { return refused("commit"); }

/// What was read may be of another topic that has the name by now. errc::topic_replaced.
Status ReadOnlyLog::check_still_there(TopicId topic) {
  MILLRACE_TRY(refresh());
  MILLRACE_TRY(log().topics.topic(topic));
  return {};
}

Status ReadOnlyLog::fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
                          FetchBuffer& buffer) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  Status fetched = fetch_records(log(), partition, from, max_bytes, buffer);
  for (int look = 0; look < looks_max && !fetched && may_pass(fetched.error()); ++look) {
    MILLRACE_TRY(look_again());
    fetched = fetch_records(log(), partition, from, max_bytes, buffer);
  }
  MILLRACE_TRY(fetched);
  MILLRACE_ASSIGN(const PartitionRow* const row, log().topics.row(partition));
  return from.value < row->settled.load() ? check_still_there(partition.topic) : Status{};
}

Result<Offset> ReadOnlyLog::start_offset(TopicPartition partition) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(look_again());
  MILLRACE_ASSIGN(const PartitionRow* row, log().topics.row(partition));
  return offset(row->start_offset.load(std::memory_order_acquire));
}

Result<Offset> ReadOnlyLog::end_offset(TopicPartition partition) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  MILLRACE_ASSIGN(const PartitionRow* row, log().topics.row(partition));
  MILLRACE_ASSIGN(const VisibleEnd visible, visible_end(log(), *row));
  return offset(visible.end);
}

Result<std::optional<Offset>> ReadOnlyLog::find_time(TopicPartition partition,
                                                     std::int64_t time_ms) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  auto found = embedded::find_time(log(), partition, time_ms);
  for (int look = 0; look < looks_max && !found; ++look) {
    MILLRACE_TRY(look_again());
    found = embedded::find_time(log(), partition, time_ms);
  }
  MILLRACE_TRY(check_still_there(partition.topic));
  return found;
}

Result<Offset> ReadOnlyLog::tombstones_complete_from(TopicPartition partition) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  const auto found = embedded::tombstones_complete_from(log(), partition);
  MILLRACE_TRY(check_still_there(partition.topic));
  return found;
}

std::unique_ptr<Waiter> ReadOnlyLog::waiter() { return std::make_unique<PollingWaiter>(*this); }

bool ReadOnlyLog::has_news(std::span<const Interest> interests) {
  const MutexLock guard(mutex_);
  if (!refresh()) {
    return true;
  }
  for (const Interest& interest : interests) {
    const auto row = log().topics.row(interest.partition);
    if (!row && row.error().is(errc::topic_replaced)) {
      return true;
    }
    if (!row) {
      continue;
    }
    const auto visible = visible_end(log(), **row);
    if (!visible || visible->end > interest.next.value) {
      return true;
    }
  }
  return false;
}

LogPosition ReadOnlyLog::committed() {
  const MutexLock guard(mutex_);
  static_cast<void>(refresh());
  return end_of(*follower_);
}

LogPosition ReadOnlyLog::durable() {
  const MutexLock guard(mutex_);
  static_cast<void>(refresh());
  return follower_->durable();
}

Result<Lineages> ReadOnlyLog::lineages() const {
  return read_running_lineages(first_->log().directory);
}

// Looked up each time: another process may have opened the log since. When what was read is not in
// the past of the log any more, it stays that of what was read.
Lineage ReadOnlyLog::lineage() {
  const MutexLock guard(mutex_);
  if (refresh()) {
    static_cast<void>(take_lineage());
  }
  return seen_.lineage;
}

Status ReadOnlyLog::check_past(Lineage lineage, LogPosition position) {
  const MutexLock guard(mutex_);
  // First: lineages that begin meanwhile can only refuse more.
  MILLRACE_TRY(refresh());
  const Control& control = log().directory.control();
  const LogPosition end{control.incarnation, control.committed.load(std::memory_order_acquire)};
  MILLRACE_ASSIGN(const Lineages found, lineages());
  return found.check_past(lineage, position, end);
}

Status ReadOnlyLog::wait_durable(LogPosition position) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  if (log().directory.options().durability == DurabilityPolicy::os ||
      position.position <= follower_->durable().position) {
    return {};
  }
  return refused("make position " + std::to_string(position.position) + " durable");
}

Result<GroupId> ReadOnlyLog::group(std::string_view name) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  MILLRACE_TRY(check_name(name, "a group"));
  if (const auto known = log().topics.catalog().group(name)) {
    return *known;
  }
  return refused("create the group '" + std::string(name) + "'");
}

Result<std::optional<Offset>> ReadOnlyLog::position(GroupId group, TopicPartition partition) {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  MILLRACE_TRY(log().topics.check_group(group));
  MILLRACE_TRY(log().topics.row(partition));
  const auto found = find_position(follower_->alone(), log().directory.control(), group, partition);
  return found ? std::optional(offset(*found)) : std::nullopt;
}

Result<std::unique_ptr<Membership>> ReadOnlyLog::join(GroupId /*group*/,
                                                      std::vector<std::string> /*tasks*/) {
  return refused("join a group");
}

Result<std::vector<GroupInfo>> ReadOnlyLog::groups() {
  const MutexLock guard(mutex_);
  MILLRACE_TRY(refresh());
  return describe_tables(follower_->alone(), log());
}

}  // namespace millrace::log::embedded
