// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "state_log.hpp"

#include <algorithm>

#include "admin.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "units.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::string_view topic_name = "__millrace";
// Of no topic that a user can have.
constexpr TopicPartition our_partition{TopicId{{-1}}, PartitionId{{0}}};
constexpr std::size_t fetch_bytes = 1U << 20U;
constexpr std::int64_t retry_ns = 20 * ms;
constexpr std::int64_t records_between_snapshots = 10'000;

/// Whose life the record shows; -1: nobody's.
std::int64_t member_of(std::int64_t offset, const StateRecord& record, const State& state) {
  const auto of_subscription = [&](std::int64_t number) {
    const auto found = state.subscriptions().find(number);
    return found == state.subscriptions().end() ? -1 : found->second.member;
  };
  if (std::holds_alternative<Joined>(record)) return offset;
  if (const auto* it = std::get_if<Heartbeat>(&record)) return it->member;
  if (const auto* it = std::get_if<Subscribed>(&record)) return it->member;
  if (const auto* it = std::get_if<Claimed>(&record)) return of_subscription(it->subscription);
  if (const auto* it = std::get_if<Released>(&record)) return of_subscription(it->subscription);
  return -1;
}

}  // namespace

StateLog::StateLog(const ClientConfig& config, const LogOptions& options, Reader& reader,
                   Clock& clock, RecordVersions versions)
    : config_(config),
      options_(options),
      reader_(reader),
      clock_(clock),
      versions_(std::move(versions)),
      partition_{config.in_kafka(topic_name), 0} {}

Status StateLog::open(const std::string& creation) {
  const std::int64_t deadline_ns = clock_.monotonic_ns() + config_.timeout_ms() * ms;
  for (bool is_last = false;;) {
    Status read = make_topic();
    if (read) read = load();
    if (read) break;
    // A broker names a topic for a moment after it was deleted: then it is missing and made again.
    if (is_last || !read.error().is(errc::unknown_topic)) return read;
    // One more try, however long the last one took.
    is_last = clock_.monotonic_ns() >= deadline_ns;
    reader_.signal().wait(reader_.signal().count(), retry_ns);
  }
  {
    const MutexLock lock(mutex_);
    if (!state_.creation().empty() || !options_.create) return {};
  }
  // Another may have been faster: the first one counts.
  MILLRACE_TRY(append({Created{creation}}));
  return {};
}

Status StateLog::check() const {
  if (abandoned_.load(std::memory_order_acquire)) {
    return fail(closed_error(options_.member));
  }
  if (!broken_.load(std::memory_order_acquire)) return {};
  const MutexLock lock(mutex_);
  return fail(*why_broken_);
}

std::unexpected<Error> StateLog::break_at(std::int64_t offset, const Error& why) {
  why_broken_ = Error(why.code(), "topic " + partition_.topic + ", partition 0, offset " +
                                      std::to_string(offset) + ": " + why.message());
  broken_.store(true, std::memory_order_release);
  return fail(*why_broken_);
}

Result<std::optional<StateRecord>> StateLog::decode(const RecordView& record) {
  const std::string_view bytes = record.value.value_or("");
  if (is_unknown_note(bytes)) return std::nullopt;
  auto decoded = decode_state_record(bytes, versions_);
  if (!decoded) return break_at(record.offset.value, decoded.error());
  return std::optional(*std::move(decoded));
}

Status StateLog::make_topic() {
  MILLRACE_ASSIGN(const std::optional<std::int32_t> partitions,
                  find_partitions(reader_.client(), partition_.topic, config_.timeout_ms()));
  if (!partitions) {
    if (!options_.create)
      return fail(errc::not_found, "the cluster at " + config_.url().bootstrap + " has no topic " +
                                       partition_.topic +
                                       ": no system has run there under this prefix");
    MILLRACE_TRY(create_topic(reader_.client(), partition_.topic, 1,
                              {{"cleanup.policy", "delete"},
                               {"retention.ms", "-1"},
                               {"retention.bytes", "-1"},
                               {"max.message.bytes", "8388608"}},
                              config_.timeout_ms()));
    return {};
  }
  if (*partitions != 1)
    return fail(errc::topic_mismatch, "topic " + partition_.topic + " has " +
                                          std::to_string(*partitions) +
                                          " partitions and must have one: it is Millrace's own");
  MILLRACE_ASSIGN(const auto settings,
                  topic_config(reader_.client(), partition_.topic, config_.timeout_ms()));
  for (const auto& [name, wanted] :
       {std::pair<const char*, const char*>{"cleanup.policy", "delete"}, {"retention.ms", "-1"}}) {
    const auto found = settings.find(name);
    if (found == settings.end() || found->second == wanted) continue;
    return fail(errc::topic_mismatch,
                "topic " + partition_.topic + " has " + name + "=" + found->second + " and needs " +
                    wanted + ": kafka-configs --alter --entity-type topics --entity-name " +
                    partition_.topic + " --add-config " + name + "=" + wanted);
  }
  return {};
}

// From the last snapshot on, which may lie behind records that it does not hold yet.
Status StateLog::load() {
  MILLRACE_ASSIGN(const TopicUuid id, reader_.ids().find(partition_.topic));
  const MutexLock lock(mutex_);
  partition_.id = id;
  MILLRACE_ASSIGN(const std::vector<Offset> first, reader_.ask({partition_}, Reader::End::first));
  MILLRACE_ASSIGN(const std::vector<Offset> last,
                  reader_.ask({partition_}, Reader::End::last_stable));
  reader_.heard_of(our_partition, last[0]);
  std::vector<std::pair<std::int64_t, StateRecord>> records;
  Offset at = first[0];
  while (at < last[0]) {
    MILLRACE_TRY(reader_.fetch(our_partition, partition_, at, fetch_bytes, buffer_));
    for (const RecordView& record : buffer_.records) {
      MILLRACE_ASSIGN(auto decoded, decode(record));
      if (decoded) records.emplace_back(record.offset.value, *std::move(decoded));
    }
    at = buffer_.next;
  }
  std::int64_t from = 0;
  for (const auto& [number, record] : records) {
    const auto* const snapshot = std::get_if<Snapshot>(&record);
    if (snapshot == nullptr) continue;
    auto state = State::decode(snapshot->state);
    if (!state) return break_at(number, state.error());
    state_ = *std::move(state);
    from = snapshot->as_of;
    snapshot_at_ = number;
  }
  if (from < first[0].value)
    return fail(errc::corrupt, "topic " + partition_.topic + " begins at offset " +
                                   std::to_string(first[0].value) +
                                   " without a snapshot: somebody deleted records from it");
  next_ = last[0].value;
  const std::int64_t now_ns = clock_.monotonic_ns();
  for (const auto& [member, ignored] : state_.members())
    heard_[member] = {now_ns, counted_ns_};
  for (const auto& [number, record] : records) {
    if (number >= from) apply(number, record);
  }
  return {};
}

// Of the step that is under way: what will at least be counted of it.
std::int64_t StateLog::step_ns(std::int64_t now_ns) const {
  if (self_ < 0) return 0;
  return std::min(now_ns - self_heard_ns_, options_.session_timeout_ms * ms * 2 / 5);
}

void StateLog::apply(std::int64_t offset, const StateRecord& record) {
  const std::int64_t now_ns = clock_.monotonic_ns();
  if (std::holds_alternative<Snapshot>(record)) snapshot_at_ = offset;
  state_.apply(offset, record);
  if (const std::int64_t member = member_of(offset, record, state_);
      member >= 0 && state_.members().contains(member)) {
    if (member == self_) {
      counted_ns_ += step_ns(now_ns);
      self_heard_ns_ = now_ns;
    }
    heard_[member] = {now_ns, counted_ns_ + step_ns(now_ns)};
  }
  if (const auto* ended = std::get_if<Ended>(&record)) heard_.erase(ended->member);
}

void StateLog::become(std::int64_t member) {
  const MutexLock lock(mutex_);
  self_ = member;
  self_heard_ns_ = clock_.monotonic_ns();
}

Status StateLog::take_one_fetch() {
  MILLRACE_TRY(reader_.fetch(our_partition, partition_, offset(next_), fetch_bytes, buffer_));
  for (const RecordView& record : buffer_.records) {
    MILLRACE_ASSIGN(const auto decoded, decode(record));
    if (decoded) apply(record.offset.value, *decoded);
  }
  next_ = buffer_.next.value;
  return {};
}

Status StateLog::catch_up() {
  const MutexLock lock(mutex_);
  while (reader_.has_news({our_partition, offset(next_)}, partition_))
    MILLRACE_TRY(take_one_fetch());
  return {};
}

Status StateLog::catch_up_to_end() {
  MILLRACE_ASSIGN(const std::vector<Offset> last,
                  reader_.ask({partition_}, Reader::End::last_stable));
  const MutexLock lock(mutex_);
  reader_.heard_of(our_partition, last[0]);
  while (next_ < last[0].value)
    MILLRACE_TRY(take_one_fetch());
  return {};
}

std::int64_t StateLog::common_version() const {
  const MutexLock lock(mutex_);
  std::int64_t lowest = versions_.folds;
  for (const auto& [number, member] : state_.members())
    lowest = std::min(lowest, member.announced.folds);
  return lowest;
}

Status StateLog::check_understood(const std::vector<StateRecord>& records) {
  std::int64_t needed = 1;
  for (const StateRecord& record : records)
    needed = std::max(needed, versions_.of(record));
  if (needed == 1) return {};
  MILLRACE_TRY(catch_up_to_end());
  const std::vector<State::Member> below =
      look([&](const State& state) { return state.members_below(needed); });
  if (below.empty()) return {};
  std::string names;
  for (const State::Member& member : below) {
    names += (names.empty() ? "" : ", ") + member.name + " (pid " +
             std::to_string(member.process.pid) + " on " +
             member.process.host.substr(0, member.process.host.find('/')) +
             ", which reads up to version " + std::to_string(member.announced.folds) + ")";
  }
  return fail(errc::incompatible,
              "a record of version " + std::to_string(needed) + " of topic " + partition_.topic +
                  " was not written: it would end members of an older build: " + names +
                  "; upgrade or stop these first");
}

Result<std::int64_t> StateLog::write(const std::vector<StateRecord>& records) {
  MILLRACE_TRY(check_understood(records));
  std::vector<std::string> bytes;
  bytes.reserve(records.size());
  std::vector<Record> out;
  for (const StateRecord& record : records) {
    bytes.push_back(encode_state_record(record, versions_));
    out.push_back({clock_.wall_ms(), std::nullopt, bytes.back(), {}});
  }
  const MutexLock lock(producer_mutex_);
  if (producer_ == nullptr || !producer_->usable()) {
    MILLRACE_ASSIGN(producer_, ClientProducer::open(config_, options_));
  }
  MILLRACE_ASSIGN(const Offset last, producer_->append_all(partition_, out));
  return last.value;
}

Result<std::int64_t> StateLog::append(std::vector<StateRecord> records) {
  MILLRACE_ASSIGN(const std::int64_t last, write(records));
  const MutexLock lock(mutex_);
  reader_.heard_of(our_partition, offset(last + 1));
  while (next_ <= last)
    MILLRACE_TRY(take_one_fetch());
  return last;
}

Status StateLog::tell(StateRecord record) {
  MILLRACE_TRY(write({std::move(record)}));
  return {};
}

std::map<std::int64_t, std::int64_t> StateLog::last_heard() const {
  const MutexLock lock(mutex_);
  std::map<std::int64_t, std::int64_t> all;
  for (const auto& [member, heard] : heard_)
    all.emplace(member, heard.at_ns);
  return all;
}

std::map<std::int64_t, std::int64_t> StateLog::silences() const {
  const MutexLock lock(mutex_);
  std::map<std::int64_t, std::int64_t> all;
  for (const auto& [member, heard] : heard_)
    all.emplace(member, counted_ns_ - heard.counted_ns);
  return all;
}

Status StateLog::trim() {
  Snapshot snapshot;
  {
    const MutexLock lock(mutex_);
    if (next_ - snapshot_at_ < records_between_snapshots) return {};
    snapshot = {next_, state_.encode(), state_.has_deleted()};
  }
  // Kept from before the snapshot on: who reads from there finds it behind records it lacks.
  const std::int64_t as_of = snapshot.as_of;
  MILLRACE_TRY(append({std::move(snapshot)}));
  return delete_before(reader_.client(), partition_, offset(as_of), config_.timeout_ms());
}

}  // namespace millrace::log::kafka
