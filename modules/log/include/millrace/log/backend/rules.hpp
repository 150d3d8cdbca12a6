// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::log {

// What every backend refuses, with the same codes and messages.

/// The largest size that is ever encoded, because the lengths in a RecordBatch v2 have 32 bits and
/// memory is finite.
inline constexpr std::size_t absolute_transaction_bytes = 256U << 20U;
/// The largest number of partitions of one topic.
inline constexpr std::int32_t max_partitions = 4096;
/// Longest name of a group, task, producer, member or service.
inline constexpr std::size_t max_name_bytes = 249;

/// Checks the options and returns them as a backend uses them: a member without a name gets the
/// name of its service. errc::invalid_argument when a name is too long or an interval is out of its
/// range.
[[nodiscard]] Result<LogOptions> checked_options(LogOptions options);

/// Checks the name, the number of partitions, the kind and the owner. errc::invalid_argument.
[[nodiscard]] Status check_topic_spec(const TopicSpec& spec);

/// Whether a log may remove records that are older than the limits of their topic but that a group
/// with a position in the topic has not read.
enum class UnreadRecords : std::uint8_t { may_go, stay };

/// Checks a call of create_topic(). `existing` is null when there is no topic with this name.
/// errc::topic_mismatch, not_owner, invalid_argument.
[[nodiscard]] Status check_create_topic(const TopicSpec& wanted, const TopicSettings& settings,
                                        const TopicSpec* existing, std::string_view service,
                                        UnreadRecords unread = UnreadRecords::may_go);

/// If these settings would remove records that are still needed, returns the `cleanup.policy` that
/// a topic of this kind and name needs. Empty when the settings fit.
[[nodiscard]] std::string_view needed_policy(const TopicSpec& spec, const TopicSettings& settings,
                                             UnreadRecords unread = UnreadRecords::may_go);

/// Reads settings that any build stored. Does not check that they fit together.
/// errc::invalid_argument for a name or a value that cannot be read.
[[nodiscard]] Result<TopicSettings> stored_settings(std::span<const SettingChange> values);

/// Checks a call of alter_topic() by this service, and returns the settings after the changes.
/// errc::not_owner, invalid_argument.
[[nodiscard]] Result<TopicSettings> check_alter_topic(const TopicSpec& spec,
                                                      const TopicSettings& before,
                                                      std::span<const SettingChange> changes,
                                                      std::string_view service,
                                                      UnreadRecords unread = UnreadRecords::may_go);

/// Checks a call of add_partitions() by a handle of this service. errc::not_owner,
/// invalid_argument.
[[nodiscard]] Status check_add_partitions(const TopicSpec& spec, std::int32_t total,
                                          std::string_view service);

/// Checks a call of delete_topic() by a handle of this service. errc::not_owner, invalid_argument.
[[nodiscard]] Status check_delete_topic(const TopicSpec& spec, std::string_view service);

/// Checks that the service may append to the topic. errc::not_owner.
[[nodiscard]] Status check_may_write(const TopicSpec& spec, std::string_view service);
/// It may append these records: to a topic of kind `system` a service appends its own keys only.
/// errc::not_owner.
[[nodiscard]] Status check_may_write(const TopicSpec& spec, Transaction::Batch& batch,
                                     std::string_view service);

/// The number that a log stores for a kind. A topic of kind `system` is stored as commands of the
/// library that are compacted, which nothing else is: builds that do not know the kind can use a
/// log that has one.
[[nodiscard]] TopicKind stored_kind(TopicKind kind);
/// The reverse, with what else is stored of a topic: its owner, and whether it was created with a
/// policy that compacts.
[[nodiscard]] TopicKind kind_of_stored(TopicKind stored, std::string_view owner, bool compacts);

/// Checks that the partition exists. errc::unknown_partition.
[[nodiscard]] Status check_partition(const TopicSpec& spec, PartitionId partition);

/// Checks the size of each record and of the whole transaction. Call it before the other checks,
/// because a transaction that is too large may not even be encoded. errc::too_large.
[[nodiscard]] Status check_size(const Transaction& transaction, const LogOptions& options);

/// Checks that no timestamp is further in the future than allowed. Call it after the check of the
/// sequence, because a clock that was set back must not refuse the repetition of an earlier commit.
/// errc::time_out_of_bounds.
[[nodiscard]] Status check_times(const Transaction& transaction, const LogOptions& options,
                                 std::int64_t now_ms);

/// Compares a sequence with the last one of its producer (-1: none). errc::invalid_argument when it
/// is negative or older.
enum class SequenceOutcome { fresh, repeated };
[[nodiscard]] Result<SequenceOutcome> check_sequence(const Transaction::Sequence& sequence,
                                                     std::int64_t last);

/// Checks the length of a name of a group, a task, a member and so on: 1 to max_name_bytes bytes.
/// `what` is its noun in the message. errc::invalid_argument.
[[nodiscard]] Status check_name(std::string_view name, std::string_view what);

/// True for topics of the library itself, which Log::topics() does not return.
[[nodiscard]] inline bool is_internal(std::string_view topic) { return topic.starts_with("__"); }

/// Errors with the same text on every backend.
[[nodiscard]] Error unknown_topic_error(std::string_view name);
[[nodiscard]] Error unknown_topic_error(TopicId id);
/// For a topic that was deleted.
[[nodiscard]] Error topic_replaced_error(const Topic& topic);
[[nodiscard]] Error out_of_range_error(std::string_view topic, PartitionId partition, Offset asked,
                                       Offset start, Offset end);
[[nodiscard]] Error fenced_error(const Claim& claim);
[[nodiscard]] Error closed_error(std::string_view member);

}  // namespace millrace::log
