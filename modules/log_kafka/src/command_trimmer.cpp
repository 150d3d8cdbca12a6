// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "command_trimmer.hpp"

#include <algorithm>

#include "admin.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "units.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::int64_t pass_interval_ns = 60'000 * ms;
// So often within the age at which commands are removed is looked how far a topic reaches: a
// command stays for up to an eighth longer. The state keeps more than these.
constexpr std::int64_t looks_per_age = 8;
static_assert(State::ends_seen_max > looks_per_age + 1);

/// The last look that is so old; null: none is.
const EndsSeen* last_before(const std::vector<EndsSeen>& seen, const TopicUuid& id,
                            std::int64_t wall_ms) {
  const EndsSeen* last = nullptr;
  for (const EndsSeen& one : seen) {
    if (one.id == id && one.wall_ms <= wall_ms && (last == nullptr || last->wall_ms <= one.wall_ms))
      last = &one;
  }
  return last;
}

}  // namespace

void CommandTrimmer::run() {
  const MutexLock lock(mutex_);
  const std::int64_t now_ns = config_.clock().monotonic_ns();
  if (looked_ns_ && now_ns - *looked_ns_ < pass_interval_ns) return;
  Work work = find_work();
  // A part that has just begun may have read where a topic starts, and have no position there yet.
  const bool may_remove = work.readers == readers_seen_;
  for (const Commands& topic : work.topics) {
    // Before the first one the handle may not be a member yet.
    looked_ns_ = now_ns;
    if (!trim(topic, may_remove)) failures_.fetch_add(1, std::memory_order_relaxed);
  }
  if (looked_ns_ == now_ns) readers_seen_ = std::move(work.readers);
}

// Empty unless this handle is the member of the service that has been in one of its groups for the
// longest time.
CommandTrimmer::Work CommandTrimmer::find_work() const {
  const std::int64_t self = identity_.current();
  if (self < 0 || options_.service.empty() || options_.service == any_service) return {};
  const std::string groups = options_.service + "/";
  return state_.look([&](const State& state) {
    Work found;
    for (const auto& [number, one] : state.subscriptions()) {
      if (!state.groups()[static_cast<std::size_t>(one.group)].name.starts_with(groups)) continue;
      if (found.readers.empty() && one.member != self) return Work{};
      found.readers.push_back(number);
    }
    if (found.readers.empty()) return found;
    for (std::size_t i = 0; i < state.topics().size(); ++i) {
      const TopicSpec& spec = state.topics()[i].spec;
      const auto number = static_cast<std::int32_t>(i);
      if (spec.kind != TopicKind::commands || spec.owner != options_.service ||
          state.is_deleted(number))
        continue;
      Commands topic{number, {}, state.ends_seen(number)};
      for (std::int32_t p = 0; p < spec.partitions; ++p)
        topic.partitions.push_back({TopicId{{number}}, partition(p)});
      found.topics.push_back(std::move(topic));
    }
    return found;
  });
}

Status CommandTrimmer::trim(const Commands& topic, bool may_remove) {
  MILLRACE_ASSIGN(const TopicSettings settings, topics_.settings(TopicId{{topic.number}}));
  if (!settings.retention_ms) return {};
  const std::int64_t age_ms = *settings.retention_ms;
  MILLRACE_ASSIGN(const auto at, topics_.partitions_in_kafka(topic.partitions));
  const TopicUuid id = at.front().id;
  const std::int64_t now_ms = config_.clock().wall_ms();
  const EndsSeen* const newest = last_before(topic.seen, id, now_ms);
  if (newest == nullptr || now_ms - newest->wall_ms >= age_ms / looks_per_age) {
    MILLRACE_ASSIGN(const std::vector<Offset> ends, reader_.ask(at, Reader::End::last_stable));
    EndsSeen seen{topic.number, id, now_ms, {}};
    for (const Offset end : ends)
      seen.ends.push_back(end.value);
    MILLRACE_TRY(state_.tell(std::move(seen)));
  }
  const EndsSeen* const old = last_before(topic.seen, id, now_ms - age_ms);
  return old == nullptr || !may_remove ? Status{} : remove(topic, at, *old);
}

Status CommandTrimmer::remove(const Commands& topic, const std::vector<KafkaPartition>& at,
                              const EndsSeen& old) {
  MILLRACE_ASSIGN(const std::vector<Offset> first, reader_.ask(at, Reader::End::first));
  for (std::size_t i = 0; i < std::min(at.size(), old.ends.size()); ++i) {
    if (old.ends[i] <= first[i].value) continue;
    MILLRACE_ASSIGN(const std::optional<Offset> read, read_up_to(topic.partitions[i]));
    if (!read) continue;
    const Offset before = std::min(*read, offset(old.ends[i]));
    if (before <= first[i]) continue;
    MILLRACE_TRY(delete_before(reader_.client(), at[i], before, config_.timeout_ms()));
  }
  return {};
}

// What every group of the service has read that has a position there; no value when none has. A
// group without members whose position the cluster has forgotten is not waited for: it was reset,
// or somebody has to set its position anyway. One with members is.
Result<std::optional<Offset>> CommandTrimmer::read_up_to(TopicPartition partition) {
  struct Reading {
    GroupId group;
    bool has_members = false;
  };
  MILLRACE_ASSIGN(const TopicSpec spec, topics_.spec_of(partition));
  const auto groups = state_.look([&](const State& state) {
    std::vector<Reading> found;
    for (std::size_t i = 0; i < state.groups().size(); ++i) {
      const auto number = static_cast<std::int32_t>(i);
      if (!state.groups()[i].name.starts_with(options_.service + "/") ||
          !state.had_position(number, spec.name, partition.partition.value))
        continue;
      const bool has_members = std::ranges::any_of(
          state.subscriptions(), [&](const auto& one) { return one.second.group == number; });
      found.push_back({GroupId{{number}}, has_members});
    }
    return found;
  });
  std::optional<Offset> least;
  for (const Reading& reading : groups) {
    const auto next = positions_.find(reading.group, {&partition, 1});
    if (!next && next.error().is(errc::out_of_range) && !reading.has_members) continue;
    if (!next) return fail(next.error());
    const std::optional<Offset> one = next->front();
    if (one) least = std::min(least.value_or(*one), *one);
  }
  return least;
}

std::vector<LogCount> CommandTrimmer::counts() const {
  return {{"trimming_errors",
           "Times that this member could not remove old commands, as without the right Delete on "
           "the topic, or could not look how far they reach.",
           failures_.load(std::memory_order_relaxed)}};
}

}  // namespace millrace::log::kafka
