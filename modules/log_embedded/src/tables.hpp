// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control.hpp"
#include "locked.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/group.hpp"
#include "millrace/log/types.hpp"

// Positions and claims of groups and sequences of producers in shared memory. Setting a value is
// idempotent, and each step leaves the table valid, so that it can be repeated after a death
// between two steps.
namespace millrace::log::embedded {

/// The last sequence of a producer, and the location of its outcome.
struct ProducerState {
  std::int64_t sequence = 0;
  std::uint64_t frame = 0;
};

[[nodiscard]] std::optional<std::int64_t> find_position(const Locked&, const Control& control,
                                                        GroupId group, TopicPartition partition);
/// There must be space in the table (check_room).
void set_position(const Locked&, Control& control, GroupId group, TopicPartition partition,
                  std::int64_t next);

[[nodiscard]] std::optional<ProducerState> find_producer(const Locked&, const Control& control,
                                                         std::string_view name);
void set_producer(const Locked&, Control& control, std::string_view name, ProducerState state);

/// The claim is the current one of its task.
[[nodiscard]] bool claim_holds(const Locked&, const Control& control, const Claim& claim);

/// Checks that there is space for this many new positions and producers. errc::limit names the
/// table.
[[nodiscard]] Status check_room(const Locked&, const Control& control, std::size_t positions,
                                std::size_t producers);
/// The same for one key, which may be in the table already.
[[nodiscard]] Status check_room_for(const Locked&, const Control& control, GroupId group,
                                    TopicPartition partition);
[[nodiscard]] Status check_room_for(const Locked&, const Control& control,
                                    std::string_view producer);
/// Counts the used rows again, after a death.
void recount(const Locked&, Control& control);

/// The key and value of a record of `__positions`.
struct PositionRecord {
  GroupId group;
  TopicPartition partition;
  std::int64_t next = 0;
};
/// Positions of all groups.
[[nodiscard]] std::vector<PositionRecord> positions_of(const Locked&, const Control& control);
/// The smallest position that a group has in the partition; nullopt without any.
[[nodiscard]] std::optional<std::int64_t> smallest_position(const Locked&, const Control& control,
                                                            TopicPartition partition);
[[nodiscard]] std::string position_key(GroupId group, TopicPartition partition);
[[nodiscard]] std::string integer_value(std::int64_t value);
[[nodiscard]] Result<PositionRecord> read_position(std::string_view key, std::string_view value);
[[nodiscard]] Result<std::int64_t> read_integer(std::string_view value);

}  // namespace millrace::log::embedded
