// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/memory_log.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "memory_groups.hpp"
#include "memory_topics.hpp"
#include "millrace/base/assert.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/backend/time_scan.hpp"
#include "millrace/log/errors.hpp"

// The memory log from top to bottom: what all handles share, with topics and groups apart, then
// what works on it: memberships, waiters, handles, and the broker.
namespace millrace::log {
namespace {

/// One handle of the broker: a member of the log.
struct Handle {
  explicit Handle(LogOptions wanted) : options(std::move(wanted)) {}
  const LogOptions options;
  bool closed = false;  // read and written under MemoryState::mutex
};

/// Everything the handles share.
struct MemoryState {
  struct ProducerState {
    std::int64_t last = -1;
    Committed outcome;
  };
  MemoryState(Clock& the_clock, bool is_simulated)
      : clock(the_clock), simulated(is_simulated), groups(the_clock) {}

  Result<Committed> commit(Transaction& transaction, const Handle& handle)
      MILLRACE_REQUIRES(mutex) {
    if (failures_left > 0) {
      --failures_left;
      return fail(failure, "a test asked for this failure; nothing was written");
    }
    const Transaction::Sequence& sequence = transaction.sequence();
    const bool sequenced = !sequence.producer.empty();
    if (sequenced) {
      ProducerState& producer = producers[sequence.producer];
      MILLRACE_ASSIGN(const SequenceOutcome outcome, check_sequence(sequence, producer.last));
      if (outcome == SequenceOutcome::repeated) {
        Committed first = producer.outcome;
        first.repeated = true;
        return first;
      }
    }
    MILLRACE_TRY(check_commit(transaction, handle));
    Committed outcome = write(transaction);
    if (sequenced) {
      producers[sequence.producer] = {sequence.number, outcome};
    }
    return outcome;
  }

  Status check_commit(Transaction& transaction, const Handle& handle) const
      MILLRACE_REQUIRES(mutex) {
    MILLRACE_TRY(check_times(transaction, handle.options, clock.wall_ms()));
    for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
      const TopicPartition partition = transaction.batch(i).partition;
      MILLRACE_TRY(topics.check(partition));
      MILLRACE_ASSIGN(const auto* const topic, topics.topic(partition.topic));
      MILLRACE_TRY(
          check_may_write(topic->topic.spec, transaction.batch(i), handle.options.service));
    }
    for (const Transaction::Position& position : transaction.positions()) {
      MILLRACE_TRY(groups.check(position.group));
      MILLRACE_TRY(topics.check(position.partition));
    }
    for (const Claim& claim : transaction.claims()) {
      if (!groups.holds(claim)) {
        return fail(fenced_error(claim));
      }
    }
    return {};
  }

  Committed write(Transaction& transaction) MILLRACE_REQUIRES(mutex) {
    if (!transaction.empty()) {
      ++committed.position;
    }
    Committed outcome{committed, {}, false};
    outcome.partitions.reserve(transaction.batch_count());
    for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
      Transaction::Batch& batch = transaction.batch(i);
      MemoryTopics::StoredPartition& stored = topics.at(batch.partition);
      std::string bytes(batch.builder.finish());
      set_base_offset(bytes.data(), stored.end);
      const Offset first = stored.end;
      stored.end = offset(first.value + batch.builder.count());
      const auto header = read_batch_header(bytes);
      MILLRACE_ASSERT(header.has_value(), "a batch that was just encoded can be read");
      const std::int64_t latest_ms =
          stored.batches.empty()
              ? header->max_timestamp_ms
              : std::max(header->max_timestamp_ms, stored.batches.back().latest_ms);
      stored.batches.push_back(
          {first, offset(stored.end.value - 1), committed, std::move(bytes), latest_ms});
      outcome.partitions.push_back({batch.partition, first});
    }
    for (const Transaction::Position& position : transaction.positions()) {
      groups.set_position(position.group, position.partition, position.next);
    }
    if (!manual_durability) {
      durable = committed;
    }
    changed.notify_all();
    return outcome;
  }

  Status collect(TopicPartition partition, Offset from, std::size_t max_bytes, FetchBuffer& buffer)
      MILLRACE_REQUIRES(mutex) {
    MILLRACE_TRY(topics.check(partition));
    const MemoryTopics::StoredPartition& stored = topics.at(partition);
    const Offset start = offset(0);
    if (from < start || from > stored.end) {
      MILLRACE_ASSIGN(const auto* const topic, topics.topic(partition.topic));
      const std::string& name = topic->topic.spec.name;
      return fail(out_of_range_error(name, partition.partition, from, start, stored.end));
    }
    buffer.next = from;
    buffer.end = stored.end;
    auto batch = std::partition_point(
        stored.batches.begin(), stored.batches.end(),
        [&](const MemoryTopics::StoredBatch& candidate) { return candidate.last < from; });
    for (; batch != stored.batches.end(); ++batch) {
      if (!buffer.batches.empty() && buffer.bytes.size() + batch->bytes.size() > max_bytes) {
        break;
      }
      buffer.bytes.append(batch->bytes);
      // Until the batch is decoded `count` is its size in bytes.
      buffer.batches.push_back({batch->position, 0, batch->bytes.size()});
      buffer.next = batch->last.next();
    }
    return {};
  }

  /// The first record of the time or later. The first batch that is so late, all before it counted,
  /// has it.
  Result<std::optional<Offset>> find_time(TopicPartition partition, std::int64_t time_ms)
      MILLRACE_REQUIRES(mutex) {
    MILLRACE_TRY(topics.check(partition));
    const MemoryTopics::StoredPartition& stored = topics.at(partition);
    const auto batch = std::partition_point(
        stored.batches.begin(), stored.batches.end(),
        [&](const MemoryTopics::StoredBatch& candidate) { return candidate.latest_ms < time_ms; });
    if (batch == stored.batches.end()) {
      return std::nullopt;
    }
    FetchBuffer buffer;
    MILLRACE_TRY(decode_batch(batch->bytes, buffer.records));
    return first_at_time(buffer.records, time_ms);
  }

  bool has_news(std::span<const Interest> interests) MILLRACE_REQUIRES(mutex) {
    for (const Interest& interest : interests) {
      // Who waits for a topic that is deleted has to hear of it.
      if (topics.is_deleted(interest.partition.topic) ||
          (topics.check(interest.partition) && topics.at(interest.partition).end > interest.next)) {
        return true;
      }
    }
    return false;
  }

  Mutex mutex;
  CondVar changed;  // something was committed, made durable, closed or interrupted
  Clock& clock;
  const bool simulated;

  MemoryTopics topics MILLRACE_GUARDED_BY(mutex);
  LogPosition committed MILLRACE_GUARDED_BY(mutex){memory_incarnation, 0};
  LogPosition durable MILLRACE_GUARDED_BY(mutex){memory_incarnation, 0};
  std::map<std::string, ProducerState, std::less<>> producers MILLRACE_GUARDED_BY(mutex);

  MemoryGroups groups MILLRACE_GUARDED_BY(mutex);

  bool manual_durability MILLRACE_GUARDED_BY(mutex) = false;
  ErrorCode failure MILLRACE_GUARDED_BY(mutex){""};
  int failures_left MILLRACE_GUARDED_BY(mutex) = 0;
};

/// A member of a group. Keeps state and handle alive, so that it may outlive its log by mistake.
class MemoryMembership final : public Membership {
 public:
  MemoryMembership(std::shared_ptr<MemoryState> state, std::shared_ptr<Handle> handle,
                   GroupId group, std::uint64_t member, std::set<std::string> tasks)
      : state_(std::move(state)),
        handle_(std::move(handle)),
        group_(group),
        member_(member),
        tasks_(std::move(tasks)) {}
  ~MemoryMembership() override {
    const MutexLock lock(state_->mutex);
    state_->groups.remove(group_, member_);
  }
  MemoryMembership(const MemoryMembership&) = delete;
  MemoryMembership& operator=(const MemoryMembership&) = delete;

  Result<MembershipChange> poll() override;
  Status heartbeat() override;
  Status release(const Claim& claim) override;

 private:
  std::vector<Claim> take_lost() MILLRACE_REQUIRES(state_->mutex);

  const std::shared_ptr<MemoryState> state_;
  const std::shared_ptr<Handle> handle_;
  const GroupId group_;
  const std::uint64_t member_;
  const std::set<std::string> tasks_;
  std::vector<Claim> held_;
  std::vector<Claim> asked_;  // reported already
};

std::vector<Claim> MemoryMembership::take_lost() {
  std::vector<Claim> lost;
  std::vector<Claim> held;
  for (Claim& claim : held_) {
    (state_->groups.holds(claim) ? held : lost).push_back(std::move(claim));
  }
  held_ = std::move(held);
  return lost;
}

Result<MembershipChange> MemoryMembership::poll() {
  const MutexLock lock(state_->mutex);
  if (handle_->closed) {
    return fail(closed_error(handle_->options.member));
  }
  // A member that slept past its own time-out loses its claims first and joins again.
  state_->groups.expire();
  state_->groups.add(group_, member_, handle_->options, tasks_);
  std::vector<Claim> lost = take_lost();
  MembershipChange change = state_->groups.share(group_, member_);
  change.lost = std::move(lost);
  held_.insert(held_.end(), change.granted.begin(), change.granted.end());
  std::vector<Claim> wanted = change.asked_back;
  std::erase_if(change.asked_back,
                [&](const Claim& claim) { return std::ranges::count(asked_, claim) > 0; });
  asked_ = std::move(wanted);
  return change;
}

Status MemoryMembership::heartbeat() {
  const MutexLock lock(state_->mutex);
  if (handle_->closed) {
    return fail(closed_error(handle_->options.member));
  }
  state_->groups.renew(group_, member_);
  return {};
}

Status MemoryMembership::release(const Claim& claim) {
  const MutexLock lock(state_->mutex);
  if (handle_->closed) {
    return fail(closed_error(handle_->options.member));
  }
  // A claim that was lost meanwhile belongs to somebody else: there is nothing to give back.
  if (std::ranges::count(held_, claim) > 0) {
    state_->groups.free_task(claim);
    std::erase(held_, claim);
  }
  return {};
}

class MemoryWaiter final : public Waiter {
 public:
  MemoryWaiter(std::shared_ptr<MemoryState> state, std::shared_ptr<Handle> handle)
      : state_(std::move(state)), handle_(std::move(handle)) {}

  WaitOutcome wait(std::span<const Interest> interests, std::int64_t deadline_ns) override {
    MutexLock lock(state_->mutex);
    for (;;) {
      if (interrupted_ || handle_->closed) {
        interrupted_ = false;
        return WaitOutcome::interrupted;
      }
      if (state_->has_news(interests)) {
        return WaitOutcome::ready;
      }
      const std::int64_t left_ns = deadline_ns - state_->clock.monotonic_ns();
      if (left_ns <= 0 || state_->simulated) {
        return WaitOutcome::timeout;
      }
      // Bounded, because the sum of an endless deadline and now does not fit into a time point.
      state_->changed.wait_for(
          lock, std::chrono::nanoseconds(std::min<std::int64_t>(left_ns, 3'600'000'000'000)));
    }
  }
  void interrupt() override {
    const MutexLock lock(state_->mutex);
    interrupted_ = true;
    state_->changed.notify_all();
  }

 private:
  const std::shared_ptr<MemoryState> state_;
  const std::shared_ptr<Handle> handle_;
  bool interrupted_ MILLRACE_GUARDED_BY(state_->mutex) = false;
};

/// A handle of a MemoryBroker.
class MemoryLog final : public Log {
 public:
  MemoryLog(std::shared_ptr<MemoryState> state, LogOptions options)
      : state_(std::move(state)), handle_(std::make_shared<Handle>(std::move(options))) {}
  ~MemoryLog() override { close(); }
  MemoryLog(const MemoryLog&) = delete;
  MemoryLog& operator=(const MemoryLog&) = delete;

  /// Closes the handle as if its process had died.
  void close() {
    const MutexLock lock(state_->mutex);
    handle_->closed = true;
    state_->groups.remove_all_of(handle_->options);
    state_->changed.notify_all();
  }

  Result<Topic> create_topic(const TopicSpec& spec, const TopicSettings& settings) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    return state_->topics.create(spec, settings, handle_->options.service);
  }
  Result<TopicSettings> topic_settings(TopicId topic) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    MILLRACE_ASSIGN(const auto* const stored, state_->topics.topic(topic));
    return stored->settings;
  }
  Result<TopicSettings> alter_topic(TopicId topic,
                                    std::span<const SettingChange> changes) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    MILLRACE_ASSIGN(auto* const stored, state_->topics.topic(topic));
    MILLRACE_ASSIGN(stored->settings, check_alter_topic(stored->topic.spec, stored->settings,
                                                        changes, handle_->options.service));
    return stored->settings;
  }
  Result<Topic> add_partitions(TopicId topic, std::int32_t total) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    return state_->topics.add_partitions(topic, total, handle_->options.service);
  }
  Status delete_topic(TopicId topic) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    MILLRACE_TRY(state_->topics.remove(topic, handle_->options.service));
    state_->groups.remove_positions(topic);
    state_->changed.notify_all();
    return {};
  }
  Result<Topic> find_topic(std::string_view name) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    return state_->topics.find(name);
  }
  Result<std::vector<Topic>> topics() override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    return state_->topics.all();
  }

  Result<Committed> commit(Transaction& transaction) override {
    MILLRACE_TRY(check_size(transaction, handle_->options));
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    return state_->commit(transaction, *handle_);
  }
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               FetchBuffer& buffer) override;
  Result<Offset> start_offset(TopicPartition partition) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    MILLRACE_TRY(state_->topics.check(partition));
    return offset(0);
  }
  Result<Offset> end_offset(TopicPartition partition) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    MILLRACE_TRY(state_->topics.check(partition));
    return state_->topics.at(partition).end;
  }
  Result<Offset> tombstones_complete_from(TopicPartition partition) override {
    // This log removes nothing.
    return start_offset(partition);
  }
  Result<std::optional<Offset>> find_time(TopicPartition partition, std::int64_t time_ms) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    return state_->find_time(partition, time_ms);
  }
  std::unique_ptr<Waiter> waiter() override {
    return std::make_unique<MemoryWaiter>(state_, handle_);
  }

  LogPosition committed() override {
    const MutexLock lock(state_->mutex);
    return state_->committed;
  }
  LogPosition durable() override {
    const MutexLock lock(state_->mutex);
    return state_->durable;
  }
  Status wait_durable(LogPosition position) override;

  Result<GroupId> group(std::string_view name) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    return state_->groups.find_or_make(name);
  }
  Result<std::optional<Offset>> position(GroupId group, TopicPartition partition) override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    MILLRACE_TRY(state_->groups.check(group));
    MILLRACE_TRY(state_->topics.check(partition));
    return state_->groups.position(group, partition);
  }
  Result<std::unique_ptr<Membership>> join(GroupId group, std::vector<std::string> tasks) override;
  Result<std::vector<GroupInfo>> groups() override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    return state_->groups.describe();
  }

  Status maintain() override {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    state_->groups.expire();
    return {};
  }
  const LogOptions& options() const override { return handle_->options; }
  std::string identity() override { return "memory"; }

 private:
  Status check_open() const MILLRACE_REQUIRES(state_->mutex) {
    return handle_->closed ? Status(fail(closed_error(handle_->options.member))) : Status();
  }

  const std::shared_ptr<MemoryState> state_;
  const std::shared_ptr<Handle> handle_;
};

Status MemoryLog::fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
                        FetchBuffer& buffer) {
  buffer.records.clear();
  buffer.batches.clear();
  buffer.bytes.clear();
  {
    const MutexLock lock(state_->mutex);
    MILLRACE_TRY(check_open());
    MILLRACE_TRY(state_->collect(partition, from, max_bytes, buffer));
  }
  std::string_view rest = buffer.bytes;
  for (FetchedBatch& batch : buffer.batches) {
    const std::size_t first = buffer.records.size();
    const Status decoded = decode_batch(rest.substr(0, batch.count), buffer.records);
    MILLRACE_ASSERT(decoded.has_value(), "a batch in memory is as it was encoded");
    rest.remove_prefix(batch.count);
    if (first == 0) {
      std::erase_if(buffer.records,
                    [from](const RecordView& record) { return record.offset < from; });
    }
    batch.first = first;
    batch.count = buffer.records.size() - first;
  }
  return {};
}

Status MemoryLog::wait_durable(LogPosition position) {
  MutexLock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  if (position.position > state_->committed.position) {
    return fail(errc::invalid_argument, "position {} is beyond the end of the log",
                position.position);
  }
  while (handle_->options.durability != DurabilityPolicy::os &&
         state_->durable.position < position.position) {
    if (state_->simulated) {
      return fail(errc::busy, "position {} is not durable yet, and simulated time does not wait",
                  position.position);
    }
    state_->changed.wait(lock);
    MILLRACE_TRY(check_open());
  }
  return {};
}

Result<std::unique_ptr<Membership>> MemoryLog::join(GroupId group, std::vector<std::string> tasks) {
  const MutexLock lock(state_->mutex);
  MILLRACE_TRY(check_open());
  MILLRACE_TRY(state_->groups.check(group));
  for (const std::string& task : tasks) {
    MILLRACE_TRY(check_name(task, "a task"));
  }
  const std::set<std::string> named(tasks.begin(), tasks.end());
  const std::uint64_t member = state_->groups.next_member();
  state_->groups.add(group, member, handle_->options, named);
  return std::make_unique<MemoryMembership>(state_, handle_, group, member, named);
}

}  // namespace

struct MemoryBroker::State : MemoryState {
  using MemoryState::MemoryState;
};

MemoryBroker::MemoryBroker(Clock& clock, bool simulated)
    : state_(std::make_shared<State>(clock, simulated)) {}
MemoryBroker::~MemoryBroker() = default;

std::unique_ptr<Log> MemoryBroker::connect(LogOptions options) {
  if (options.member.empty()) {
    options.member = options.service;
  }
  return std::make_unique<MemoryLog>(state_, std::move(options));
}

void MemoryBroker::set_manual_durability(bool manual) {
  const MutexLock lock(state_->mutex);
  state_->manual_durability = manual;
  if (!manual) {
    state_->durable = state_->committed;
    state_->changed.notify_all();
  }
}

void MemoryBroker::make_durable() {
  const MutexLock lock(state_->mutex);
  state_->durable = state_->committed;
  state_->changed.notify_all();
}

void MemoryBroker::fail_commits(ErrorCode code, int times) {
  const MutexLock lock(state_->mutex);
  state_->failure = code;
  state_->failures_left = times;
}

void MemoryBroker::kill_member(Log& handle) {
  auto* const log = dynamic_cast<MemoryLog*>(&handle);
  MILLRACE_ASSERT(log != nullptr, "only handles of a memory broker can be killed by it");
  log->close();
}

}  // namespace millrace::log
