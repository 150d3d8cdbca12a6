// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/level.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/instance.hpp"
#include "runtime/cut_text.hpp"
#include "runtime/late_reports.hpp"
#include "runtime/lost_ranges.hpp"
#include "runtime/unknown_types.hpp"

namespace millrace::stream::runtime {

/// A sink and the topic it writes to.
struct ResolvedSink {
  const SinkSpec* spec = nullptr;
  log::TopicId topic;
  std::int32_t partitions = 0;
};

/// What all tasks of an instance share. One thread, that of step(), except for `cycle_over`.
struct Shared {
  log::Log& log;
  const Plan& topology;
  const InstanceOptions& options;
  Instance::Environment& environment;

  log::Transaction transaction;     ///< of the cycle under way, over all tasks
  std::size_t state_bytes = 0;      ///< of state changes that it will get too, at most
  std::vector<ResolvedSink> sinks;  ///< by NodeId; those of other nodes are empty
  log::Topic dead_letters;
  std::optional<log::Topic> retry;
  std::string source;  ///< `ce_source` of what we publish: `/<service>`

  /// Of the tasks that were here, the largest record that one keeps of its timers, at most.
  std::size_t largest_state_bytes = 0;

  /// Set by housekeeping when the cycle under way has taken its time: no task begins another record
  /// or firing in it, once it has had one.
  std::atomic<bool> cycle_over = false;

  // Counted when the work they count is committed.
  std::uint64_t records = 0;
  std::uint64_t dead_lettered = 0;
  std::uint64_t skipped = 0;
  std::uint64_t late = 0;
  std::uint64_t failed_firings = 0;

  // Counted when they happen.
  std::uint64_t idle_waits = 0;
  std::uint64_t catch_up_waits = 0;

  LateReports late_reports = {};
  UnknownTypes unknown_types = {};

  LostRanges lost_ranges = {};
  /// Why the last commit was refused, when ranges of inputs may be the reason: the next one has
  /// none, which shows it.
  std::optional<Error> without_ranges = {};

  std::uint64_t commits = 0;
  std::uint64_t refused_commits = 0;

  /// What the cycle has to commit so far, encoded, positions and timers left out.
  [[nodiscard]] std::size_t staged_bytes() const { return transaction.bytes() + state_bytes; }
  [[nodiscard]] std::size_t transaction_bytes_max() const {
    return log.options().max_transaction_bytes;
  }
  /// Kept free in a transaction for what tasks remember of time; a cycle whose tasks may need more
  /// than that is cut into several commits.
  [[nodiscard]] std::size_t state_room() const {
    return std::max(std::min<std::size_t>(transaction_bytes_max() / 8, 64U << 10U),
                    largest_state_bytes);
  }
  /// Most that outputs and state changes of one commit may have.
  [[nodiscard]] std::size_t work_item_bytes_max() const {
    return transaction_bytes_max() - state_room();
  }
  [[nodiscard]] std::size_t record_bytes_max() const {
    return std::min(log.options().max_record_bytes, work_item_bytes_max());
  }

  void report(Level level, std::string_view message, std::string_view detail) const {
    // What a handler throws may be of any length.
    constexpr std::size_t detail_bytes_max = 4'000;
    if (environment.events) environment.events(level, message, cut_text(detail, detail_bytes_max));
  }
};

/// A topic that the tasks of a sub-topology read.
struct InputTopic {
  log::Topic topic;
  std::vector<std::size_t> sources;  ///< indexes into Plan::sources, in order of declaration
  bool is_table = false;
  bool is_retry = false;        ///< replayed dead letters: each names the source it belongs to
  std::uint64_t stored_id = 0;  ///< log::stored_topic_id()
};

/// A store's changelog.
struct Changelog {
  StoreId store{};
  log::TopicId topic;
  std::uint64_t stored_id = 0;  ///< log::stored_topic_id()
};

/// A part that was reset, and is rebuilt as another one.
struct EarlierPart {
  std::string name;
  std::vector<std::string> sources;  ///< topics
  log::GroupId group;
  Result<log::Topic> ranges;
};

/// A sub-topology whose topics all exist.
struct ResolvedSubTopology {
  const SubTopology* spec = nullptr;
  log::GroupId group;
  std::int32_t partitions = 0;
  std::vector<InputTopic> inputs;     ///< the retry topic, if any, is the last
  std::vector<Changelog> changelogs;  ///< of stores whose source is not their changelog
  std::optional<log::TopicId>
      system;  ///< stream time and punctuators; none when nobody could ask for them
  /// Where input ranges are kept; none when they would say nothing: there is one input, or one that
  /// this service writes, and writes again when it is rebuilt.
  std::optional<log::TopicId> ranges;
  std::vector<EarlierPart> earlier;  ///< whose ranges are repeated, the latest first
};

}  // namespace millrace::stream::runtime
