// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "history.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

namespace millrace::log {
namespace {

std::string text_of(TopicPartition partition) {
  return std::to_string(partition.topic.value) + "-" + std::to_string(partition.partition.value);
}

std::string text_of(const HistoryRecord& record) {
  return "value " + std::to_string(record.value) + " at offset " +
         std::to_string(record.offset.value) + " of " + text_of(record.partition);
}

}  // namespace

/// One check of one history.
class HistoryCheck {
 public:
  HistoryCheck(const std::vector<History::Commit>& commits,
               const std::map<History::Client, std::vector<HistoryRecord>>& reads,
               const std::vector<HistoryRecord>& whole)
      : commits_(commits), reads_(reads), whole_(whole) {
    for (std::size_t i = 0; i < commits_.size(); ++i) {
      for (const HistoryRecord& record : commits_[i].records) {
        commit_of_[record.value] = i;
      }
    }
    for (const HistoryRecord& record : whole_) {
      log_[record.partition].push_back(record);
    }
  }

  std::vector<std::string> run(bool ordered) {
    check_values();
    for (const auto& [client, records] : reads_) {
      check_reads(client, records);
    }
    check_commits();
    check_order_of_clients();
    if (ordered) {
      check_order_of_commits();
    }
    return std::move(found_);
  }

 private:
  using Records = std::vector<HistoryRecord>;

  void report(const char* what, const std::string& where) {
    found_.push_back(std::string(what) + ": " + where);
  }

  /// Each value of the log was written, once, by a commit that was not refused.
  void check_values() {
    for (const auto& [partition, records] : log_) {
      std::optional<Offset> last;
      for (const HistoryRecord& record : records) {
        if (last && record.offset <= *last) {
          report("an offset comes again", text_of(record));
        }
        last = record.offset;
        if (!offset_of_.emplace(record.value, record.offset).second) {
          report("a duplicate", text_of(record));
        }
        check_written(record);
      }
    }
  }

  void check_written(const HistoryRecord& record) {
    const auto commit = commit_of_.find(record.value);
    if (commit == commit_of_.end()) {
      report("nobody wrote", text_of(record));
      return;
    }
    const History::Commit& written = commits_[commit->second];
    if (written.outcome == Outcome::refused) {
      report("a record of a refused commit", text_of(record));
    }
    const bool same = std::ranges::any_of(written.records, [&](const HistoryRecord& one) {
      return one.value == record.value && one.partition == record.partition;
    });
    if (!same) {
      report("a record in another partition", text_of(record));
    }
  }

  /// A reader that continues sees what the log has, without a step back and without a gap.
  void check_reads(History::Client client, const Records& records) {
    const std::string by = ", read by client " + std::to_string(client);
    std::map<TopicPartition, Records::const_iterator> next;
    for (const HistoryRecord& record : records) {
      const Records& all = log_[record.partition];
      const auto at = std::ranges::lower_bound(all, record.offset, {}, &HistoryRecord::offset);
      if (at == all.end() || at->offset != record.offset) {
        report("a record that was read is gone", text_of(record) + by);
        continue;
      }
      if (at->value != record.value) {
        report("two values at one offset", text_of(record) + by + "; " + text_of(*at));
      }
      const auto expected = next.find(record.partition);
      if (expected != next.end() && at < expected->second) {
        report("a reader went back", text_of(record) + by);
      }
      if (expected != next.end() && at > expected->second) {
        report("a reader passed over", text_of(*expected->second) + by);
      }
      next[record.partition] = std::next(at);
    }
  }

  /// Of a commit that was acknowledged all is there, of another one all or nothing.
  void check_commits() {
    for (const History::Commit& commit : commits_) {
      const auto missing = std::ranges::find_if(commit.records, [&](const HistoryRecord& one) {
        return !offset_of_.contains(one.value);
      });
      if (missing == commit.records.end()) {
        continue;
      }
      const bool some = std::ranges::any_of(
          commit.records, [&](const HistoryRecord& one) { return offset_of_.contains(one.value); });
      if (commit.outcome == Outcome::committed) {
        report("a write was lost", std::to_string(missing->value));
      } else if (some) {
        report("a part of a commit", std::to_string(missing->value) + " is missing");
      }
    }
  }

  /// What a client wrote to a partition later is behind what it wrote before.
  void check_order_of_clients() {
    std::map<std::pair<History::Client, TopicPartition>, Offset> last;
    for (const History::Commit& commit : commits_) {
      for (const HistoryRecord& record : commit.records) {
        const auto written = offset_of_.find(record.value);
        if (written == offset_of_.end()) {
          continue;
        }
        const auto [before, first] =
            last.try_emplace({commit.client, record.partition}, written->second);
        if (!first && written->second <= before->second) {
          report("a client's writes changed their order", std::to_string(record.value));
        }
        before->second = std::max(before->second, written->second);
      }
    }
  }

  /// The orders of the partitions fit one order of all commits: Jepsen's G0, a cycle of writes.
  void check_order_of_commits() {
    std::vector<std::set<std::size_t>> later(commits_.size());
    std::vector<int> earlier(commits_.size());
    for (const auto& [partition, records] : log_) {
      for (std::size_t i = 1; i < records.size(); ++i) {
        const auto one = commit_of_.find(records[i - 1].value);
        const auto other = commit_of_.find(records[i].value);
        if (one != commit_of_.end() && other != commit_of_.end() && one->second != other->second &&
            later[one->second].insert(other->second).second) {
          ++earlier[other->second];
        }
      }
    }
    std::vector<std::size_t> free;
    for (std::size_t i = 0; i < commits_.size(); ++i) {
      if (earlier[i] == 0) {
        free.push_back(i);
      }
    }
    std::size_t ordered = 0;
    for (; !free.empty(); ++ordered) {
      const std::size_t one = free.back();
      free.pop_back();
      for (const std::size_t other : later[one]) {
        if (--earlier[other] == 0) {
          free.push_back(other);
        }
      }
    }
    if (ordered < commits_.size()) {
      report("a cycle of commits", std::to_string(commits_.size() - ordered) + " are in it");
    }
  }

  const std::vector<History::Commit>& commits_;
  const std::map<History::Client, Records>& reads_;
  const Records& whole_;
  std::map<std::int64_t, std::size_t> commit_of_;
  std::map<TopicPartition, Records> log_;
  std::map<std::int64_t, Offset> offset_of_;
  std::vector<std::string> found_;
};

void History::add_commit(Client client, Outcome outcome, std::vector<HistoryRecord> records) {
  const MutexLock guard(mutex_);
  commits_.push_back({client, outcome, std::move(records)});
}

void History::add_read(Client client, const std::vector<HistoryRecord>& records) {
  const MutexLock guard(mutex_);
  auto& all = reads_[client];
  all.insert(all.end(), records.begin(), records.end());
}

std::vector<std::string> History::anomalies(const std::vector<HistoryRecord>& whole,
                                            bool ordered) const {
  const MutexLock guard(mutex_);
  return HistoryCheck(commits_, reads_, whole).run(ordered);
}

}  // namespace millrace::log
