// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime_world.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "millrace/base/mutex.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/find_groups.hpp"
#include "millrace/log/stored_topic_id.hpp"
#include "millrace/testkit/event_writer.hpp"

namespace millrace::stream::test {

using log::Offset;
using log::TopicPartition;

namespace {

constexpr std::int64_t visible_within_ns = 120'000'000'000;

void add_partitions(const log::Topic& topic, std::vector<log::TopicPartition>& partitions) {
  for (std::int32_t i = 0; i < topic.spec.partitions; ++i)
    partitions.push_back({topic.id, log::partition(i)});
}

}  // namespace

void hear_of_all(log::Log& log) {
  std::vector<log::TopicPartition> partitions;
  // A handle that is dead or cut off hears nothing; its next step says why.
  const auto topics = log.topics();
  if (!topics) return;
  for (const log::Topic& topic : *topics)
    add_partitions(topic, partitions);
  if (!partitions.empty()) static_cast<void>(log.end_offsets(partitions));
}

// Notes how waits end.
class RuntimeWorld::NotedWaiter final : public log::Waiter {
 public:
  NotedWaiter(RuntimeWorld& world, std::unique_ptr<log::Waiter> inner)
      : world_(world), inner_(std::move(inner)) {}
  log::WaitOutcome wait(std::span<const log::Interest> interests,
                        std::int64_t deadline_ns) override {
    const log::WaitOutcome outcome = inner_->wait(interests, deadline_ns);
    world_.last_wait_ = outcome;
    return outcome;
  }
  void interrupt() override { inner_->interrupt(); }

 private:
  RuntimeWorld& world_;
  std::unique_ptr<log::Waiter> inner_;
};

// The backend's handle; its commits fail when the world says so.
class RuntimeWorld::Handle final : public log::Log,
                                   public log::GroupFinder,
                                   public log::TopicNumbers {
 public:
  Handle(RuntimeWorld& world, std::unique_ptr<log::Log> inner, bool observes)
      : world_(world), inner_(std::move(inner)), observes_(observes) {
    world_.handles_.insert(this);
  }
  ~Handle() override {
    await_commits();
    world_.handles_.erase(this);
  }

  Result<log::Topic> create_topic(const log::TopicSpec& spec,
                                  const log::TopicSettings& settings) override {
    const std::string& refused = world_.refused_suffix_;
    if (!refused.empty() && spec.name.ends_with(refused))
      return fail(world_.topics_failure_, "the test says so");
    return inner_->create_topic(spec, settings);
  }
  Result<log::TopicSettings> topic_settings(log::TopicId topic) override {
    return inner_->topic_settings(topic);
  }
  Result<log::TopicSettings> alter_topic(log::TopicId topic,
                                         std::span<const log::SettingChange> changes) override {
    return inner_->alter_topic(topic, changes);
  }
  Result<log::Topic> add_partitions(log::TopicId topic, std::int32_t total) override {
    return inner_->add_partitions(topic, total);
  }
  Status delete_topic(log::TopicId topic) override { return inner_->delete_topic(topic); }
  std::uint64_t stored_topic_id(log::TopicId topic) override {
    return log::stored_topic_id(*inner_, topic);
  }
  Result<log::Topic> find_topic(std::string_view name) override {
    observe();
    if (world_.fail_finding_times_ > 0 && name == world_.not_found_) {
      --world_.fail_finding_times_;
      return fail(world_.finding_, "the test says so");
    }
    return inner_->find_topic(name);
  }
  Result<std::vector<log::Topic>> topics() override {
    observe();
    return inner_->topics();
  }
  Result<log::Committed> commit(log::Transaction& transaction) override {
    if (world_.fail_times_ > 0) {
      --world_.fail_times_;
      return fail(world_.failing_, "the test says so");
    }
    MILLRACE_TRY(world_.check_records(transaction));
    for (const auto& position : transaction.positions())
      MILLRACE_TRY(check_topic(position.partition));
    for (std::size_t i = 0; i < transaction.batch_count(); ++i)
      MILLRACE_TRY(check_topic(transaction.batch(i).partition));
    Result<log::Committed> committed = inner_->commit(transaction);
    if (committed) note(*committed);
    if (committed && std::exchange(world_.answer_, false))
      return fail(world_.answered_, "the test says so");
    return committed;
  }
  Status wait_visible(const log::Committed& committed, std::int64_t deadline_ns) override {
    return inner_->wait_visible(committed, deadline_ns);
  }
  Status fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
               log::FetchBuffer& buffer) override {
    observe();
    MILLRACE_TRY(check_topic(partition));
    if (from < first_of(partition)) return fail(log::errc::out_of_range, "the test removed it");
    Status fetched = inner_->fetch(partition, from, max_bytes, buffer);
    if (fetched && world_.emptied_.contains(partition.topic)) {
      buffer.records.clear();
      buffer.batches.clear();
    }
    return fetched;
  }
  Result<Offset> start_offset(TopicPartition partition) override {
    observe();
    MILLRACE_TRY(check_topic(partition));
    MILLRACE_ASSIGN(const Offset start, inner_->start_offset(partition));
    return std::max(start, first_of(partition));
  }
  Result<Offset> end_offset(TopicPartition partition) override {
    observe();
    MILLRACE_TRY(check_topic(partition));
    return inner_->end_offset(partition);
  }
  Result<std::optional<Offset>> find_time(TopicPartition partition, std::int64_t time_ms) override {
    observe();
    MILLRACE_TRY(check_topic(partition));
    return inner_->find_time(partition, time_ms);
  }
  Result<std::vector<Offset>> start_offsets(std::span<const TopicPartition> partitions) override {
    observe();
    for (const TopicPartition& partition : partitions)
      MILLRACE_TRY(check_topic(partition));
    auto starts = inner_->start_offsets(partitions);
    for (std::size_t i = 0; starts && i < partitions.size(); ++i)
      (*starts)[i] = std::max((*starts)[i], first_of(partitions[i]));
    return starts;
  }
  Result<std::vector<Offset>> end_offsets(std::span<const TopicPartition> partitions) override {
    observe();
    for (const TopicPartition& partition : partitions)
      MILLRACE_TRY(check_topic(partition));
    return inner_->end_offsets(partitions);
  }
  Result<std::vector<std::optional<Offset>>> positions(
      log::GroupId group, std::span<const TopicPartition> partitions) override {
    observe();
    if (const auto lost = world_.asked_for_lost_.find(group);
        lost != world_.asked_for_lost_.end()) {
      ++lost->second;
      return fail(log::errc::out_of_range, "the test says so");
    }
    for (const TopicPartition& partition : partitions) {
      MILLRACE_TRY(check_topic(partition));
      world_.asked_for_positions_.insert(partition.topic);
    }
    return inner_->positions(group, partitions);
  }
  std::optional<std::int64_t> position_retention_ms() const override {
    return inner_->position_retention_ms();
  }
  Result<std::optional<std::int64_t>> tombstone_retention_ms(log::TopicId topic) override {
    if (world_.tombstone_retention_ms_) return world_.tombstone_retention_ms_;
    return inner_->tombstone_retention_ms(topic);
  }
  Result<Offset> tombstones_complete_from(TopicPartition partition) override {
    const auto found = world_.tombstones_from_.find(partition.topic);
    if (found == world_.tombstones_from_.end()) return inner_->tombstones_complete_from(partition);
    const bool gone = found->second.asked[partition.partition.value]++ >= found->second.asked_first;
    if (!gone) return Offset{};
    world_.emptied_.insert(partition.topic);
    return found->second.offset;
  }
  std::unique_ptr<log::Waiter> waiter() override {
    return std::make_unique<NotedWaiter>(world_, inner_->waiter());
  }
  log::LogPosition committed() override { return inner_->committed(); }
  log::LogPosition durable() override { return inner_->durable(); }
  Status wait_durable(log::LogPosition position) override {
    if (!world_.durable_failure_.name.empty())
      return fail(world_.durable_failure_, "a test asked for this failure");
    return inner_->wait_durable(position);
  }
  Result<log::GroupId> group(std::string_view name) override { return inner_->group(name); }
  Result<std::optional<Offset>> position(log::GroupId group, TopicPartition partition) override {
    observe();
    world_.asked_for_positions_.insert(partition.topic);
    return inner_->position(group, partition);
  }
  Result<std::unique_ptr<log::Membership>> join(log::GroupId group,
                                                std::vector<std::string> tasks) override {
    if (const auto work = std::exchange(world_.before_join_, nullptr)) work();
    return inner_->join(group, std::move(tasks));
  }
  Result<std::vector<log::GroupInfo>> groups() override { return find_groups({}); }
  Result<std::vector<log::GroupInfo>> find_groups(const log::GroupsWanted& wanted) override {
    observe();
    if (wanted.name.empty()) {
      if (const auto work = std::exchange(world_.before_groups_, nullptr)) work();
    }
    auto groups = log::find_groups(*inner_, wanted);
    if (!groups) return groups;
    for (log::GroupInfo& group : *groups) {
      if (world_.asked_for_lost_.contains(group.id)) group.positions.clear();
    }
    return groups;
  }
  Status maintain() override { return inner_->maintain(); }
  Status maintain_storage() override { return inner_->maintain_storage(); }
  int death_descriptor() override { return inner_->death_descriptor(); }
  const log::LogOptions& options() const override { return inner_->options(); }
  std::string identity() override { return inner_->identity(); }
  log::Lineage lineage() override { return inner_->lineage(); }
  Status check_past(log::Lineage lineage, log::LogPosition position) override {
    world_.asked_for_past_.emplace_back(lineage, position);
    if (world_.was_put_back_) return fail(log::errc::out_of_range, "the test says so");
    return inner_->check_past(lineage, position);
  }

  Offset first_of(TopicPartition partition) {
    const auto found = world_.removed_before_.find(partition);
    return found == world_.removed_before_.end() ? Offset{} : found->second;
  }
  Status check_topic(TopicPartition partition) {
    if (!world_.failing_topics_.contains(partition.topic)) return {};
    return fail(world_.failing_topic_, "the test says so");
  }
  log::Log& inner() { return *inner_; }
  // Returns when what the handle committed can be read.
  void await_commits() {
    if (!runs) return;
    log::Committed unseen;
    {
      const MutexLock lock(mutex_);
      unseen.partitions = std::exchange(unseen_, {});
    }
    if (unseen.partitions.empty()) return;
    // What cannot be seen by then is missed by the test.
    static_cast<void>(
        inner_->wait_visible(unseen, world_.clock().monotonic_ns() + visible_within_ns));
  }
  bool runs = true;
  std::function<void()> housekeeping = [] {};

 private:
  void observe() {
    if (observes_) world_.await_commits();
  }

  void note(const log::Committed& committed) {
    const MutexLock lock(mutex_);
    for (const log::Committed::Partition& one : committed.partitions) {
      std::erase_if(unseen_, [&](const auto& older) { return older.partition == one.partition; });
      unseen_.push_back(one);
    }
  }

  RuntimeWorld& world_;
  std::unique_ptr<log::Log> inner_;
  bool observes_;
  Mutex mutex_;
  // Of the last commits, since await_commits().
  std::vector<log::Committed::Partition> unseen_ MILLRACE_GUARDED_BY(mutex_);
};

std::unique_ptr<log::Log> RuntimeWorld::connect(log::LogOptions options) {
  return open_handle(std::move(options), false);
}

std::unique_ptr<log::Log> RuntimeWorld::connect_observer() { return open_handle({}, true); }

std::unique_ptr<log::Log> RuntimeWorld::open_handle(log::LogOptions options, bool observes) {
  options.session_timeout_ms = session_timeout_ms_;
  auto opened = open(std::move(options));
  if (!opened) throw testkit::TestError("opening the log: " + opened.error().to_string());
  return std::make_unique<Handle>(*this, *std::move(opened), observes);
}

void RuntimeWorld::await_commits() {
  for (Handle* handle : handles_)
    handle->await_commits();
}

void RuntimeWorld::kill(log::Log& handle) {
  auto& ours = dynamic_cast<Handle&>(handle);
  ours.await_commits();
  ours.runs = false;
  abandon(ours.inner());
}

void RuntimeWorld::set_asleep(log::Log& handle, bool asleep) {
  auto& ours = dynamic_cast<Handle&>(handle);
  if (asleep) ours.await_commits();
  ours.runs = !asleep;
}

void RuntimeWorld::add_housekeeping(log::Log& handle, std::function<void()> work) {
  dynamic_cast<Handle&>(handle).housekeeping = std::move(work);
}

void RuntimeWorld::let_pass(std::int64_t ms) {
  advance_ms(ms);
  for (Handle* handle : handles_) {
    // An instance that was given up meanwhile learns it by its next step.
    if (!handle->runs) continue;
    static_cast<void>(handle->inner().maintain());
    static_cast<void>(handle->inner().maintain_storage());
    handle->housekeeping();
  }
}

void RuntimeWorld::fail_commits(ErrorCode code, int times) {
  failing_ = code;
  fail_times_ = times;
}

void RuntimeWorld::fail_finding(std::string topic, ErrorCode code, int times) {
  not_found_ = std::move(topic);
  finding_ = code;
  fail_finding_times_ = times;
}

void RuntimeWorld::refuse_records(ErrorCode code,
                                  std::function<bool(const log::RecordView&)> refused) {
  refusing_ = code;
  refused_ = std::move(refused);
}

Status RuntimeWorld::check_records(log::Transaction& transaction) const {
  if (!refused_) return {};
  for (std::size_t i = 0; i < transaction.batch_count(); ++i) {
    std::vector<log::RecordView> records;
    MILLRACE_TRY(log::decode_batch(transaction.batch(i).builder.finish(), records));
    if (std::any_of(records.begin(), records.end(), refused_))
      return fail(refusing_, "the test refuses a record");
  }
  return {};
}

void RuntimeWorld::answer_commit(ErrorCode code) {
  answered_ = code;
  answer_ = true;
}

}  // namespace millrace::stream::test
