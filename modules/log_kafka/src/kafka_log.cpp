// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka_log.hpp"

#include "admin.hpp"
#include "membership.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/base/text.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/backend/time_scan.hpp"
#include "millrace/log/errors.hpp"
#include "token_file.hpp"
#include "units.hpp"
#include "waiter.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::int64_t own_timeout_ns = 2'000 * ms;
constexpr std::size_t default_transaction_bytes = 64U << 20U;
// What brokers do when nobody tells them otherwise: offsets.retention.minutes.
constexpr std::int64_t kept_positions_ms = std::int64_t{7} * 24 * 3'600 * 1'000;

}  // namespace

Result<std::unique_ptr<Log>> KafkaLog::open(std::string_view url, LogEnvironment& environment,
                                            LogOptions options, Settings settings,
                                            KafkaTokenSource token) {
  MILLRACE_ASSIGN(Url parsed, parse_url(url));
  // A file stands for its settings, wherever it is named.
  for (Settings* given : {&parsed.settings, &settings}) {
    for (std::size_t i = 0; i < given->size(); ++i) {
      if ((*given)[i].first != "config") continue;
      const std::string file = (*given)[i].second;
      MILLRACE_ASSIGN(const std::string text, read_file(environment.files, file));
      MILLRACE_ASSIGN(const Settings more, parse_settings(text, file));
      given->erase(given->begin() + static_cast<std::ptrdiff_t>(i));
      given->insert(given->end(), more.begin(), more.end());
      break;
    }
  }
  // Those of the URL come after the others and count.
  parsed.settings.insert(parsed.settings.begin(), settings.begin(), settings.end());
  if (!token) token = token_file(parsed.settings, environment.files);
  // A transaction of Kafka costs some ten milliseconds, whatever is in it.
  if (options.max_transaction_bytes == LogOptions{}.max_transaction_bytes)
    options.max_transaction_bytes = default_transaction_bytes;
  std::unique_ptr<KafkaLog> made(
      new KafkaLog(std::move(parsed), environment, std::move(options), std::move(token)));
  MILLRACE_TRY(made->start());
  return made;
}

KafkaLog::KafkaLog(Url url, LogEnvironment& environment, LogOptions options, KafkaTokenSource token)
    : options_(std::move(options)),
      unique_(hex_number(environment.random.next() ^
                         static_cast<std::uint64_t>(environment.clock.wall_ms()))),
      config_(std::move(url), options_, environment.clock, std::move(token)),
      reader_(config_, environment.clock),
      group_positions_(config_),
      state_(config_, options_, reader_, environment.clock),
      topics_(config_, options_, reader_, state_),
      groups_(config_, group_positions_, state_, topics_),
      positions_(config_, group_positions_, reader_, state_, topics_, groups_),
      identity_(config_, options_, state_, environment.clock, unique_,
                environment.processes.self()),
      visibility_(config_, reader_, topics_),
      commits_(config_, options_, reader_, topics_, groups_, identity_, visibility_, unique_),
      housekeeping_(config_, options_, reader_, group_positions_, state_, identity_,
                    environment.processes),
      trimmer_(config_, options_, reader_, state_, topics_, positions_, identity_) {}

KafkaLog::~KafkaLog() = default;

Status KafkaLog::start() {
  MILLRACE_TRY(config_.check());
  MILLRACE_TRY(reader_.open());
  const auto cluster = cluster_id(reader_.client(), config_.timeout_ms());
  if (!cluster)
    return fail(errc::unavailable, "kafka://" + config_.url().bootstrap + ": " +
                                       cluster.error().message() + reader_.last_error());
  MILLRACE_TRY(state_.open(unique_));
  identity_text_ = "kafka/" + *cluster + "/" + config_.url().prefix + "/" +
                   state_.look([](const State& state) { return state.creation(); });
  return {};
}

Result<Topic> KafkaLog::create_topic(const TopicSpec& spec, const TopicSettings& settings) {
  MILLRACE_TRY(state_.check());
  return topics_.create(spec, settings);
}

Result<TopicSettings> KafkaLog::topic_settings(TopicId topic) {
  MILLRACE_TRY(state_.check());
  return topics_.settings(topic);
}

Result<TopicSettings> KafkaLog::alter_topic(TopicId topic, std::span<const SettingChange> changes) {
  MILLRACE_TRY(state_.check());
  return topics_.alter(topic, changes);
}

Result<Topic> KafkaLog::add_partitions(TopicId topic, std::int32_t total) {
  MILLRACE_TRY(state_.check());
  return topics_.add_partitions(topic, total);
}

Status KafkaLog::delete_topic(TopicId topic) {
  MILLRACE_TRY(state_.check());
  return topics_.remove(topic);
}

Result<Topic> KafkaLog::find_topic(std::string_view name) {
  MILLRACE_TRY(state_.check());
  return topics_.find(name);
}

Result<std::vector<Topic>> KafkaLog::topics() {
  MILLRACE_TRY(state_.check());
  return topics_.all();
}

Result<std::optional<std::int64_t>> KafkaLog::tombstone_retention_ms(TopicId topic) {
  return topics_.tombstone_retention_ms(topic);
}

// Brokers do not say it.
Result<Offset> KafkaLog::tombstones_complete_from(TopicPartition partition) {
  MILLRACE_TRY(state_.check());
  MILLRACE_TRY(topics_.partition_in_kafka(partition));
  return Offset{};
}

Result<GroupId> KafkaLog::group(std::string_view name) {
  MILLRACE_TRY(state_.check());
  return groups_.open(name);
}

Result<std::vector<GroupInfo>> KafkaLog::find_groups(const GroupsWanted& wanted) {
  MILLRACE_TRY(state_.check());
  return groups_.find(wanted);
}

Result<std::unique_ptr<Membership>> KafkaLog::join(GroupId group, std::vector<std::string> tasks) {
  MILLRACE_TRY(state_.check());
  MILLRACE_TRY(groups_.name_in_kafka(group));
  for (const std::string& task : tasks) {
    MILLRACE_TRY(check_name(task, "a task"));
  }
  auto membership =
      std::make_unique<KafkaMembership>(state_, identity_, visibility_, group, std::move(tasks));
  MILLRACE_TRY(membership->enter());
  return membership;
}

Result<std::optional<Offset>> KafkaLog::position(GroupId group, TopicPartition partition) {
  MILLRACE_ASSIGN(const auto found, positions(group, {&partition, 1}));
  return found[0];
}

Result<std::vector<std::optional<Offset>>> KafkaLog::positions(
    GroupId group, std::span<const TopicPartition> partitions) {
  MILLRACE_TRY(state_.check());
  return positions_.find(group, partitions);
}

std::optional<std::int64_t> KafkaLog::position_retention_ms() const { return kept_positions_ms; }

Result<Committed> KafkaLog::commit(Transaction& transaction) {
  MILLRACE_TRY(state_.check());
  // Also while what was written is waited for: this has limits of its own.
  const Identity::Working working(identity_);
  MILLRACE_ASSIGN(Committed committed, commits_.commit(transaction));
  // A repeat has moved none.
  if (!committed.repeated) positions_.note(transaction);
  return committed;
}

Status KafkaLog::wait_visible(const Committed& committed, std::int64_t deadline_ns) {
  MILLRACE_TRY(state_.check());
  return visibility_.wait(committed, deadline_ns);
}

Result<Offset> KafkaLog::start_offset(TopicPartition partition) {
  MILLRACE_ASSIGN(const std::vector<Offset> first, start_offsets({&partition, 1}));
  return first[0];
}

Result<Offset> KafkaLog::end_offset(TopicPartition partition) {
  MILLRACE_ASSIGN(const std::vector<Offset> last, end_offsets({&partition, 1}));
  return last[0];
}

Result<std::vector<Offset>> KafkaLog::start_offsets(std::span<const TopicPartition> partitions) {
  MILLRACE_ASSIGN(const std::vector<KafkaPartition> at, topics_.partitions_in_kafka(partitions));
  auto first = reader_.ask(at, Reader::End::first);
  if (!first) return fail(topics_.explain(partitions, first.error()));
  return first;
}

Result<std::vector<Offset>> KafkaLog::end_offsets(std::span<const TopicPartition> partitions) {
  MILLRACE_ASSIGN(const std::vector<KafkaPartition> at, topics_.partitions_in_kafka(partitions));
  // Others' open transactions may keep ours from being read for as long as they are open.
  if (!visibility_.wait_own(at, own_timeout_ns))
    return fail(errc::unavailable,
                "what this handle committed cannot be read yet: an older transaction is open");
  auto last = reader_.ask(at, Reader::End::last_stable);
  if (!last) return fail(topics_.explain(partitions, last.error()));
  visibility_.note_stable(at, *last);
  for (std::size_t i = 0; i < partitions.size(); ++i)
    reader_.heard_of(partitions[i], (*last)[i]);
  return last;
}

Result<std::optional<Offset>> KafkaLog::find_time(TopicPartition partition, std::int64_t time_ms) {
  MILLRACE_ASSIGN(const auto found, find_times({&partition, 1}, time_ms));
  return found[0];
}

Result<std::vector<std::optional<Offset>>> KafkaLog::find_times(
    std::span<const TopicPartition> partitions, std::int64_t time_ms) {
  MILLRACE_TRY(state_.check());
  // Also waits for what this handle committed, and lets fetches know how far they reach.
  MILLRACE_TRY(end_offsets(partitions));
  MILLRACE_ASSIGN(const std::vector<KafkaPartition> at, topics_.partitions_in_kafka(partitions));
  std::vector<std::optional<Offset>> found;
  if (time_ms < 0) {
    // Brokers know no such time, but records may have one.
    MILLRACE_ASSIGN(const std::vector<Offset> first, reader_.ask(at, Reader::End::first));
    found.assign(first.begin(), first.end());
  } else {
    MILLRACE_ASSIGN(found, reader_.ask_time(at, time_ms));
  }
  // What a broker found may be a transaction marker, or a record of an aborted transaction.
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    if (found[i]) {
      MILLRACE_ASSIGN(found[i], scan_for_time(*this, partitions[i], *found[i], time_ms));
    }
  }
  return found;
}

Status KafkaLog::fetch(TopicPartition partition, Offset from, std::size_t max_bytes,
                       FetchBuffer& buffer) {
  MILLRACE_TRY(state_.check());
  MILLRACE_ASSIGN(const KafkaPartition at, topics_.partition_in_kafka(partition));
  const Status fetched = reader_.fetch(partition, at, from, max_bytes, buffer);
  if (!fetched) return fail(topics_.explain(partition, fetched.error()));
  return {};
}

std::unique_ptr<Waiter> KafkaLog::waiter() {
  return std::make_unique<KafkaWaiter>(state_, topics_, reader_, config_.clock());
}

// An acknowledged commit is on as many brokers as the topic's min.insync.replicas asks.
Status KafkaLog::wait_durable(LogPosition /*position*/) { return state_.check(); }

Status KafkaLog::maintain() {
  MILLRACE_TRY(state_.check());
  return housekeeping_.run();
}

Status KafkaLog::maintain_storage() {
  MILLRACE_TRY(state_.check());
  trimmer_.run();
  return {};
}

void KafkaLog::synchronize() { static_cast<void>(state_.catch_up_to_end()); }

void KafkaLog::abandon() {
  state_.abandon();
  identity_.abandon();
}

void synchronize(Log& log) { dynamic_cast<KafkaLog&>(log).synchronize(); }
std::weak_ptr<void> life(Log& log) { return dynamic_cast<KafkaLog&>(log).life(); }
void abandon(Log& log) { dynamic_cast<KafkaLog&>(log).abandon(); }

}  // namespace millrace::log::kafka
