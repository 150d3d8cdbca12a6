// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "settling_world.hpp"

namespace millrace::log {

/// A log with commands, which are kept a week, and a compacted table, and what readers have to find
/// whatever was removed. On a simulated machine.
class Cleaning : public Settling {
 protected:
  static constexpr std::int64_t week_ms = 7LL * 24 * 3'600 * 1'000;
  static constexpr std::int64_t keys = 7;
  struct Written {
    Offset offset;
    std::string key;
    std::optional<std::string> value;
    std::int64_t appended_ms = 0;
  };

  void begin_again() {
    start_over();
    commands_.clear();
    table_.clear();
    count_ = 0;
    tombstones_from_ = {};
  }
  /// Compactions take steps that are as small as can be.
  std::unique_ptr<Log> open_with_small_steps(std::string member) {
    EmbeddedOptions options = settling();
    options.settle.compaction_step_bytes = 1;
    return machine().open(options_of("stock", std::move(member)), options);
  }
  void make_topics(Log& log) {
    const auto make = [&](const std::string& name, TopicKind kind, const TopicSettings& settings) {
      const auto topic = log.create_topic({name, 1, kind, "stock"}, settings);
      EXPECT_TRUE(topic) << topic.error().to_string();
      return TopicPartition{topic->id, partition(0)};
    };
    commands_at_ = make("stock.commands", TopicKind::commands, {});
    table_at_ = make("stock.table.changelog", TopicKind::private_topic, compacted());
  }
  /// Commits one record to each of the two topics, durably at the end. Their times rise.
  void write(Log& log, int commits, std::size_t value_bytes = 2'000) {
    make_topics(log);
    for (int i = 0; i < commits; ++i, ++count_) {
      const std::int64_t now_ms = machine().clock.wall_ms();
      Written one{{}, "k" + std::to_string(count_ % keys), std::nullopt, now_ms};
      if (count_ % 5 != 4) {
        one.value = std::to_string(count_) + std::string(value_bytes, 'x');
      }
      Transaction transaction;
      transaction.append(commands_at_, {count_, "c", one.value.value_or("gone"), {}});
      transaction.append(table_at_, {count_, one.key, one.value, {}});
      const auto committed = log.commit(transaction);
      ASSERT_TRUE(committed) << committed.error().to_string();
      one.offset = committed->partitions[1].first;
      table_.push_back(one);
      commands_.push_back(
          {committed->partitions[0].first, "c", one.value.value_or("gone"), now_ms});
    }
    ASSERT_TRUE(log.wait_durable(log.committed()));
  }
  /// Settles and cleans until nothing is left to do.
  static void clean(Log& log) {
    for (int call = 0; call < 16; ++call) {
      const Status kept = maintain_all(log);
      ASSERT_TRUE(kept) << kept.error().to_string();
    }
  }
  void pass_a_week() { machine().clock.advance_ms(week_ms + 1); }

  /// All records from an offset on; `problem` says what was wrong. Where retention removed what it
  /// was about to read, it continues where the partition begins.
  static std::vector<Written> read(Log& log, TopicPartition partition, Offset from,
                                   std::size_t bytes, std::string& problem) {
    std::vector<Written> found;
    FetchBuffer buffer;
    for (Offset next = from;; next = buffer.next) {
      Status fetched = log.fetch(partition, next, bytes, buffer);
      if (!fetched && fetched.error().is(errc::out_of_range)) {
        const auto start = log.start_offset(partition);
        if (!start || *start <= next) {
          problem = "out of range behind the start: " + fetched.error().to_string();
          return found;
        }
        found.clear();
        next = *start;
        fetched = log.fetch(partition, next, bytes, buffer);
      }
      if (!fetched) {
        problem = fetched.error().to_string();
        return found;
      }
      if (buffer.records.empty()) {
        problem = buffer.next == buffer.end ? "" : "an empty fetch before the end";
        return found;
      }
      for (const RecordView& record : buffer.records) {
        Written one{record.offset, std::string(record.key.value_or("")), std::nullopt, 0};
        if (record.value) {
          one.value = std::string(*record.value);
        }
        found.push_back(std::move(one));
      }
    }
  }
  /// "" when the commands are those from where the partition begins on, and only old ones are gone.
  std::string commands_problem(Log& log, std::size_t bytes = 5'000) {
    std::string problem;
    const auto found =
        read(log, commands_at_, log.start_offset(commands_at_).value(), bytes, problem);
    if (!problem.empty()) {
      return problem;
    }
    if (found.size() > commands_.size()) {
      return "too many commands";
    }
    const std::size_t gone = commands_.size() - found.size();
    for (std::size_t i = 0; i < commands_.size(); ++i) {
      const Written& one = commands_[i];
      if (i < gone && one.appended_ms > machine().clock.wall_ms() - week_ms) {
        return "offset " + std::to_string(one.offset.value) + " is gone too early";
      }
      if (i >= gone &&
          (found[i - gone].offset != one.offset || found[i - gone].value != one.value)) {
        return "offset " + std::to_string(one.offset.value) + " is not what was written";
      }
    }
    return time_problem(log);
  }
  std::string time_problem(Log& log) {
    const Offset start = log.start_offset(commands_at_).value();
    for (const std::int64_t time : {std::int64_t{0}, count_ / 2, count_ - 1}) {
      const auto found = log.find_time(commands_at_, time);
      if (!found) {
        return found.error().to_string();
      }
      if (*found != std::max(start, offset(time))) {
        return "another record at time " + std::to_string(time);
      }
    }
    return "";
  }
  /// "" when the table has the last record of each key, and no record that was not written.
  std::string table_problem(Log& log, std::size_t bytes = 5'000) {
    std::string problem;
    const auto found = read(log, table_at_, offset(0), bytes, problem);
    if (const std::string deleted = tombstone_problem(log, found); !deleted.empty()) {
      return deleted;
    }
    std::map<std::string, Written> last;
    for (const Written& one : table_) {
      last[one.key] = one;
    }
    Offset behind;
    for (const Written& one : found) {
      const Written& written = table_[static_cast<std::size_t>(one.offset.value)];
      if (one.offset < behind || written.key != one.key || written.value != one.value) {
        return "offset " + std::to_string(one.offset.value) + " is not what was written";
      }
      behind = one.offset.next();
      if (last[one.key].offset == one.offset) {
        last.erase(one.key);
      }
    }
    for (const auto& [key, one] : last) {
      if (one.value) {
        return "the last record of " + key + " is missing";
      }
    }
    return problem;
  }
  static void apply(const Written& one, std::map<std::string, std::string>& values) {
    if (one.value) {
      values[one.key] = *one.value;
    } else {
      values.erase(one.key);
    }
  }
  /// "" when somebody that knows the table up to where tombstones are complete, or further, comes
  /// to its values with the records that follow.
  std::string tombstone_problem(Log& log, const std::vector<Written>& found) {
    const auto from = log.tombstones_complete_from(table_at_);
    if (!from) {
      return from.error().to_string();
    }
    if (*from < tombstones_from_) {
      return "tombstones are complete from an earlier offset than before";
    }
    tombstones_from_ = *from;
    for (const std::int64_t known : {from->value, (from->value + count_) / 2}) {
      std::map<std::string, std::string> values;
      std::map<std::string, std::string> expected;
      for (const Written& one : table_) {
        apply(one, expected);
        if (one.offset.value < known) {
          apply(one, values);
        }
      }
      for (const Written& one : found) {
        if (one.offset.value >= known) {
          apply(one, values);
        }
      }
      if (values != expected) {
        return "a snapshot of offset " + std::to_string(known) + " leads to other values";
      }
    }
    return "";
  }
  std::string problem(Log& log) {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{5'000}, std::size_t{1} << 20U}) {
      for (const std::string& found : {commands_problem(log, bytes), table_problem(log, bytes)}) {
        if (!found.empty()) {
          return found;
        }
      }
    }
    return "";
  }
  /// Bytes of the `.log` files of a partition.
  std::uint64_t log_bytes(const std::string& directory) {
    std::uint64_t bytes = 0;
    for (const std::string& name : names(directory, ".log")) {
      bytes += read_file(machine().files, root + directory + "/" + name).value().size();
    }
    return bytes;
  }

  TopicPartition commands_at_;
  TopicPartition table_at_;
  std::vector<Written> commands_;
  std::vector<Written> table_;
  std::int64_t count_ = 0;
  Offset tombstones_from_;
};

}  // namespace millrace::log
