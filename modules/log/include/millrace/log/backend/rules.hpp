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

/// Lengths of a RecordBatch v2 are 32-bit, and memory is finite: nothing larger than this is ever
/// encoded.
inline constexpr std::size_t absolute_transaction_bytes = 256U << 20U;
/// Most partitions of one topic.
inline constexpr std::int32_t max_partitions = 4096;
/// Longest name of a group, task, producer, member or service.
inline constexpr std::size_t max_name_bytes = 249;

/// The options as a backend keeps them: a member without a name is called like its service.
/// errc::invalid_argument when a name is too long, or an interval out of its range.
[[nodiscard]] Result<LogOptions> checked_options(LogOptions options);

/// Name, partitions, kind and owner make sense. errc::invalid_argument.
[[nodiscard]] Status check_topic_spec(const TopicSpec& spec);

/// What becomes of records that are older than the limits of their topic and that a group with a
/// position in it has not read: on the log that asks.
enum class UnreadRecords : std::uint8_t { may_go, stay };

/// Decides create_topic: `existing` is null when there is no topic of that name.
/// errc::topic_mismatch, not_owner, invalid_argument.
[[nodiscard]] Status check_create_topic(const TopicSpec& wanted, const TopicSettings& settings,
                                        const TopicSpec* existing, std::string_view service,
                                        UnreadRecords unread = UnreadRecords::may_go);

/// The `cleanup.policy` that a topic of this kind and name needs where these settings have one that
/// would remove what is still needed; empty when they fit.
[[nodiscard]] std::string_view needed_policy(const TopicSpec& spec, const TopicSettings& settings,
                                             UnreadRecords unread = UnreadRecords::may_go);

/// Settings as they were stored, by all their names, in any build: whether they fit together is not
/// asked. errc::invalid_argument for a name or a value that cannot be read.
[[nodiscard]] Result<TopicSettings> stored_settings(std::span<const SettingChange> values);

/// Decides alter_topic: the settings after the changes, when the service may make them.
/// errc::not_owner, invalid_argument.
[[nodiscard]] Result<TopicSettings> check_alter_topic(const TopicSpec& spec,
                                                      const TopicSettings& before,
                                                      std::span<const SettingChange> changes,
                                                      std::string_view service,
                                                      UnreadRecords unread = UnreadRecords::may_go);

/// Log::add_partitions of a handle of that service may give the topic so many partitions.
/// errc::not_owner, invalid_argument.
[[nodiscard]] Status check_add_partitions(const TopicSpec& spec, std::int32_t total,
                                          std::string_view service);

/// Log::delete_topic of a handle of that service may delete the topic. errc::not_owner,
/// invalid_argument.
[[nodiscard]] Status check_delete_topic(const TopicSpec& spec, std::string_view service);

/// The service may append to the topic. errc::not_owner.
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

/// The partition exists. errc::unknown_partition.
[[nodiscard]] Status check_partition(const TopicSpec& spec, PartitionId partition);

/// No record is above the limit, nor the whole. To be checked first: such a transaction may not
/// even be encoded. errc::too_large.
[[nodiscard]] Status check_size(const Transaction& transaction, const LogOptions& options);

/// No record is further in the future than allowed. To be checked when a sequence is known to be no
/// repeat: a clock that was set back must not refuse what was written before.
/// errc::time_out_of_bounds.
[[nodiscard]] Status check_times(const Transaction& transaction, const LogOptions& options,
                                 std::int64_t now_ms);

/// Compares a sequence with the last one kept of its producer (-1: none). errc::invalid_argument
/// when it is negative or older.
enum class SequenceOutcome { fresh, repeated };
[[nodiscard]] Result<SequenceOutcome> check_sequence(const Transaction::Sequence& sequence,
                                                     std::int64_t last);

/// A name of a group, task or the like: 1 to max_name_bytes bytes. `what` names it in the message.
/// errc::invalid_argument.
[[nodiscard]] Status check_name(std::string_view name, std::string_view what);

/// Topics of the library itself, hidden from Log::topics().
[[nodiscard]] inline bool is_internal(std::string_view topic) { return topic.starts_with("__"); }

/// The errors that name what was asked for.
[[nodiscard]] Error unknown_topic_error(std::string_view name);
[[nodiscard]] Error unknown_topic_error(TopicId id);
/// Of a topic that was deleted.
[[nodiscard]] Error topic_replaced_error(const Topic& topic);
[[nodiscard]] Error out_of_range_error(std::string_view topic, PartitionId partition, Offset asked,
                                       Offset start, Offset end);
[[nodiscard]] Error fenced_error(const Claim& claim);
[[nodiscard]] Error closed_error(std::string_view member);

}  // namespace millrace::log
