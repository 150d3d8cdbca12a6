// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/backend/rules.hpp"

#include <algorithm>

#include "millrace/base/interval.hpp"
#include "millrace/base/time_text.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/record_size.hpp"

namespace millrace::log {

namespace {

// A day. A restore that takes longer than tombstones stay may miss that a key was deleted.
constexpr std::int64_t least_tombstones_ms = 86'400'000;

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string describe(const TopicSpec& spec) {
  return std::to_string(spec.partitions) +
         (spec.partitions == 1 ? " partition, " : " partitions, ") + to_string(spec.kind) + " of " +
         quoted(spec.owner);
}

// What to do when nothing but the number of partitions is another one.
std::string more_partitions(const TopicSpec& wanted, const TopicSpec& existing) {
  TopicSpec same = wanted;
  same.partitions = existing.partitions;
  if (same != existing || wanted.kind == TopicKind::private_topic || is_internal(wanted.name)) {
    return {};
  }
  if (wanted.partitions < existing.partitions) {
    return "; partitions were added to it, or it was made with more: declare " +
           std::to_string(existing.partitions) + ", or look for the topic before you create it";
  }
  return "; `millrace topics alter " + wanted.name + " --partitions " +
         std::to_string(wanted.partitions) + "` adds partitions, if no record has a key";
}

std::string describe_service(std::string_view service) {
  return service.empty() ? std::string("a handle without a service") : "service " + quoted(service);
}

bool is_topic_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

// A topic of the library that is there for all services: none of them owns it.
bool is_shared(const TopicSpec& spec) {
  return spec.owner == library_service &&
         (spec.kind == TopicKind::commands || spec.kind == TopicKind::system) &&
         spec.name.starts_with(std::string(library_service) + ".");
}

/// The order in which a part took its inputs: `<service>.<part>.system.ranges`.
bool is_order_of_inputs(const TopicSpec& spec) {
  return spec.kind == TopicKind::private_topic && spec.name.starts_with(spec.owner + ".") &&
         spec.name.ends_with(".system.ranges");
}

/// No more is removed than the readers of the topic can do without.
Status check_keeps_enough(const TopicSpec& spec, const TopicSettings& settings,
                          UnreadRecords unread) {
  const std::string_view needed = needed_policy(spec, settings, unread);
  if (!needed.empty()) {
    return fail(errc::invalid_argument,
                "topic {} ({} of {}) needs cleanup.policy={}, because records would be removed "
                "that are still needed",
                quoted(spec.name), to_string(spec.kind), quoted(spec.owner), needed);
  }
  if (is_state(spec) && settings.delete_retention_ms < least_tombstones_ms) {
    return fail(errc::invalid_argument,
                "topic {} needs a delete.retention.ms of at least {}: a service that restores its "
                "state from it could miss deletions",
                quoted(spec.name), least_tombstones_ms);
  }
  return {};
}

}  // namespace

std::string_view needed_policy(const TopicSpec& spec, const TopicSettings& settings,
                               UnreadRecords unread) {
  const bool is_private = spec.kind == TopicKind::private_topic;
  if (is_state(spec) || spec.kind == TopicKind::system) {
    return settings.deletes || !settings.compacts ? "compact" : "";
  }
  if (is_repartition(spec) && unread == UnreadRecords::stay) {
    return settings.compacts ? "keep or delete" : "";
  }
  if (is_private || is_internal(spec.name)) {
    return settings.deletes || settings.compacts ? "keep" : "";
  }
  // Each of them counts, also when a later one has its key.
  if (spec.kind == TopicKind::commands || spec.name == spec.owner + ".dead-letters") {
    return settings.compacts ? "keep or delete" : "";
  }
  return "";
}

bool is_state(const TopicSpec& spec) {
  const std::string_view name = spec.name;
  const std::string prefix = spec.owner + ".";
  if (spec.kind != TopicKind::private_topic || !name.starts_with(prefix)) {
    return false;
  }
  const std::string_view own = name.substr(prefix.size());
  return own == "manifest" || own.ends_with(".changelog");
}

bool is_repartition(const TopicSpec& spec) {
  const std::string_view name = spec.name;
  return spec.kind == TopicKind::private_topic && name.starts_with(spec.owner + ".") &&
         name.ends_with(repartition_suffix) &&
         name.size() > spec.owner.size() + 1 + repartition_suffix.size();
}

std::string to_string(TopicKind kind) {
  switch (kind) {
    case TopicKind::events:
      return "events";
    case TopicKind::commands:
      return "commands";
    case TopicKind::private_topic:
      return "private";
    case TopicKind::system:
      return "system";
  }
  return "unknown";
}

Result<LogOptions> checked_options(LogOptions options) {
  if (options.member.empty()) {
    options.member = options.service;
  }
  if (options.service.size() > max_name_bytes || options.member.size() > max_name_bytes) {
    return fail(errc::invalid_argument, "names of services and members have at most {} bytes",
                max_name_bytes);
  }
  MILLRACE_TRY(check_interval_ms("sync_interval_ms", options.sync_interval_ms, 1));
  MILLRACE_TRY(check_interval_ms("session_timeout_ms", options.session_timeout_ms, 1));
  return options;
}

Status check_topic_spec(const TopicSpec& spec) {
  if (spec.name.empty() || spec.name.size() > max_name_bytes || spec.name == "." ||
      spec.name == ".." || !std::all_of(spec.name.begin(), spec.name.end(), is_topic_character)) {
    return fail(errc::invalid_argument,
                "topic name {} is not allowed: use 1 to 249 letters, digits, '.', '_' or '-'",
                quoted(spec.name));
  }
  if (spec.partitions < 1 || spec.partitions > max_partitions) {
    return fail(errc::invalid_argument, "topic {} cannot have {} partitions: use 1 to {}",
                quoted(spec.name), spec.partitions, max_partitions);
  }
  if (spec.kind < TopicKind::events || spec.kind > TopicKind::system) {
    return fail(errc::invalid_argument, "topic {} has no valid kind", quoted(spec.name));
  }
  if (spec.kind == TopicKind::system && !is_shared(spec)) {
    return fail(errc::invalid_argument,
                "topic {} of {} cannot be of kind system: only topics of the library, {}.NAME, are",
                quoted(spec.name), quoted(spec.owner), library_service);
  }
  if (spec.owner == any_service) {
    return fail(errc::invalid_argument,
                "topic {} cannot be owned by {}, which stands for all services", quoted(spec.name),
                quoted(any_service));
  }
  return check_name(spec.owner, "the owner of topic " + quoted(spec.name));
}

Status check_create_topic(const TopicSpec& wanted, const TopicSettings& settings,
                          const TopicSpec* existing, std::string_view service,
                          UnreadRecords unread) {
  MILLRACE_TRY(check_topic_spec(wanted));
  MILLRACE_TRY(check_settings(settings));
  if (existing != nullptr) {
    if (*existing == wanted) {
      return {};
    }
    return fail(errc::topic_mismatch, "topic {} exists with {}; asked for were {}{}",
                quoted(wanted.name), describe(*existing), describe(wanted),
                more_partitions(wanted, *existing));
  }
  MILLRACE_TRY(check_keeps_enough(wanted, settings, unread));
  if (wanted.owner != service && service != any_service && !is_shared(wanted)) {
    return fail(errc::not_owner,
                "topic {} of service {} cannot be created by {}: start its owner first",
                quoted(wanted.name), quoted(wanted.owner), describe_service(service));
  }
  return {};
}

Result<TopicSettings> check_alter_topic(const TopicSpec& spec, const TopicSettings& before,
                                        std::span<const SettingChange> changes,
                                        std::string_view service, UnreadRecords unread) {
  if (spec.owner != service && service != any_service) {
    return fail(
        errc::not_owner,
        "the settings of topic {} of service {} cannot be changed by {}: only its owner may",
        quoted(spec.name), quoted(spec.owner), describe_service(service));
  }
  if (is_internal(spec.name)) {
    return fail(errc::invalid_argument, "topic {} is one of the log itself: its settings stay",
                quoted(spec.name));
  }
  auto after = with_changes(before, changes);
  if (!after) {
    return fail(after.error().at("topic " + quoted(spec.name)));
  }
  MILLRACE_TRY(check_keeps_enough(spec, *after, unread));
  return after;
}

Status check_add_partitions(const TopicSpec& spec, std::int32_t total, std::string_view service) {
  if (spec.owner != service && service != any_service) {
    return fail(
        errc::not_owner,
        "the partitions of topic {} of service {} cannot be changed by {}: only its owner may",
        quoted(spec.name), quoted(spec.owner), describe_service(service));
  }
  if (is_internal(spec.name)) {
    return fail(errc::invalid_argument, "topic {} is one of the log itself: its partitions stay",
                quoted(spec.name));
  }
  if (spec.kind == TopicKind::private_topic) {
    return fail(errc::invalid_argument,
                "topic {} is private to service {}, which has as many tasks as it has partitions: "
                "they stay",
                quoted(spec.name), quoted(spec.owner));
  }
  if (total < 1 || total > max_partitions) {
    return fail(errc::invalid_argument, "topic {} cannot have {} partitions: use {} to {}",
                quoted(spec.name), total, spec.partitions, max_partitions);
  }
  if (total < spec.partitions) {
    return fail(errc::invalid_argument,
                "topic {} has {} partitions, and none of them can be taken away: write to a new "
                "topic with {} of them, or keep these",
                quoted(spec.name), spec.partitions, total);
  }
  return {};
}

Status check_delete_topic(const TopicSpec& spec, std::string_view service) {
  if (spec.owner != service && service != any_service) {
    return fail(errc::not_owner,
                "topic {} of service {} cannot be deleted by {}: only its owner may",
                quoted(spec.name), quoted(spec.owner), describe_service(service));
  }
  if (is_internal(spec.name)) {
    return fail(errc::invalid_argument, "topic {} is one of the log itself: it stays",
                quoted(spec.name));
  }
  if (is_state(spec) || is_order_of_inputs(spec)) {
    return fail(errc::invalid_argument,
                "topic {} holds the state of service {}, or what it needs to build that again: it "
                "cannot be deleted",
                quoted(spec.name), quoted(spec.owner));
  }
  return {};
}

Status check_may_write(const TopicSpec& spec, std::string_view service) {
  const bool writes_own_keys = spec.kind == TopicKind::system && !service.empty();
  if (spec.kind == TopicKind::commands || writes_own_keys || spec.owner == service ||
      service == any_service) {
    return {};
  }
  return fail(
      errc::not_owner,
      "topic {} ({} of {}) cannot be written by {}: only its owner may; send the owner a command",
      quoted(spec.name), to_string(spec.kind), quoted(spec.owner), describe_service(service));
}

Status check_partition(const TopicSpec& spec, PartitionId partition) {
  if (partition.value >= 0 && partition.value < spec.partitions) {
    return {};
  }
  return fail(errc::unknown_partition, "topic {} has no partition {}, its partitions are 0 to {}",
              quoted(spec.name), partition.value, spec.partitions - 1);
}

Status check_record_size(std::size_t bytes, const LogOptions& options) {
  if (bytes <= options.max_record_bytes) {
    return {};
  }
  return fail(errc::too_large, "a record of {} bytes is above the limit max_record_bytes = {}",
              bytes, options.max_record_bytes);
}

Status check_size(const Transaction& transaction, const LogOptions& options) {
  MILLRACE_TRY(check_record_size(transaction.largest_record(), options));
  const std::size_t limit = std::min(options.max_transaction_bytes, absolute_transaction_bytes);
  if (transaction.bytes() > limit) {
    return fail(errc::too_large,
                "a transaction of {} bytes is above the limit max_transaction_bytes = {}",
                transaction.bytes(), limit);
  }
  return {};
}

Status check_times(const Transaction& transaction, const LogOptions& options, std::int64_t now_ms) {
  if (!options.max_future_ms || !transaction.claims().empty()) return {};
  std::int64_t limit_ms = 0;
  const bool unlimited = __builtin_add_overflow(now_ms, *options.max_future_ms, &limit_ms);
  if (unlimited || transaction.latest_ms() <= limit_ms) return {};
  return fail(
      errc::time_out_of_bounds,
      "a record is of {} ({} ms), which is more than max_future_ms = {} ahead of the clock, {}",
      format_time(transaction.latest_ms()), transaction.latest_ms(), *options.max_future_ms,
      format_time(now_ms));
}

Result<SequenceOutcome> check_sequence(const Transaction::Sequence& sequence, std::int64_t last) {
  if (sequence.number < 0) {
    return fail(errc::invalid_argument, "sequence {} of producer {} is negative", sequence.number,
                quoted(sequence.producer));
  }
  if (sequence.number < last) {
    return fail(errc::invalid_argument, "sequence {} of producer {} is older than its last one, {}",
                sequence.number, quoted(sequence.producer), last);
  }
  return sequence.number == last ? SequenceOutcome::repeated : SequenceOutcome::fresh;
}

Status check_name(std::string_view name, std::string_view what) {
  if (!name.empty() && name.size() <= max_name_bytes) {
    return {};
  }
  return fail(errc::invalid_argument, "{} needs a name of 1 to {} bytes, not {}", what,
              max_name_bytes, name.size());
}

Error unknown_topic_error(std::string_view name) {
  return {errc::unknown_topic,
          "there is no topic " + quoted(name) + ": start the service that owns it, or create it"};
}

Error unknown_topic_error(TopicId id) {
  return {errc::unknown_topic, "there is no topic with the number " + std::to_string(id.value)};
}

Error topic_replaced_error(const Topic& topic) {
  return {errc::topic_replaced,
          "topic " + quoted(topic.spec.name) + " with the number " +
              std::to_string(topic.id.value) +
              " was deleted; one that was created since under its name is another topic: find it "
              "by its name, or start the service again"};
}

Error out_of_range_error(std::string_view topic, PartitionId partition, Offset asked, Offset start,
                         Offset end) {
  return {errc::out_of_range,
          "offset " + std::to_string(asked.value) + " of topic " + quoted(topic) + " partition " +
              std::to_string(partition.value) + " is out of range: the first kept is " +
              std::to_string(start.value) + ", the end is " + std::to_string(end.value)};
}

Error fenced_error(const Claim& claim) {
  return {errc::fenced, "the claim on task " + quoted(claim.task()) + " of group " +
                            std::to_string(claim.group().value) + " under epoch " +
                            std::to_string(claim.epoch().era) + "." +
                            std::to_string(claim.epoch().number) +
                            " is no longer current; nothing was written"};
}

Error closed_error(std::string_view member) {
  return {errc::closed, "the log handle of member " + quoted(member) + " is closed"};
}

}  // namespace millrace::log
