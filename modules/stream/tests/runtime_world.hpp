// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/fault_file_system.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/memory_log.hpp"

// What the runtime's tests run in: a log of some backend and the world around it. Each program of
// tests has the worlds of its own backends (runtime_backends()).

namespace millrace::stream::test {

/// One empty log of a backend and the world around it, made again for each test; outlives all
/// handles. One thread, but handles may be used from several.
class RuntimeWorld {
 public:
  RuntimeWorld() = default;
  virtual ~RuntimeWorld() = default;
  RuntimeWorld(const RuntimeWorld&) = delete;
  RuntimeWorld& operator=(const RuntimeWorld&) = delete;

  /// Opens a handle, a further member of the one log. Throws when that fails.
  std::unique_ptr<log::Log> connect(log::LogOptions options);
  /// Opens a handle of the test itself: what it is asked for, it sees after all that the other
  /// handles have committed. On a cluster a commit can be read a moment after it was made.
  std::unique_ptr<log::Log> connect_observer();
  /// The handle's process dies without a farewell; the others learn of it as time passes. The test
  /// still destroys the handle, which must do nothing any more.
  void kill(log::Log& handle);
  /// The handle's process does not get to run: nothing is done for it while time passes.
  void set_asleep(log::Log& handle, bool asleep);
  /// What else the handle's process does while time passes; ends with the handle.
  void add_housekeeping(log::Log& handle, std::function<void()> work);
  /// Time passes, and what the runtime of a process sees to meanwhile is done.
  void let_pass(std::int64_t ms);
  /// The same, for those who wait for a membership, or for the death of another.
  void let_pass() { let_pass(step_ms()); }
  /// Of handles opened from now on: how long a member may be silent.
  void set_session_timeout_ms(std::int64_t ms) { session_timeout_ms_ = ms; }
  /// How long tombstones stay, as far as the log says so; else what the log itself says.
  void set_tombstone_retention_ms(std::int64_t ms) { tombstone_retention_ms_ = ms; }
  /// Once handles have asked so often for a partition, the topic was compacted: all its keys were
  /// deleted, and the tombstones before that offset are gone.
  void set_tombstones_complete_from(log::TopicId topic, log::Offset offset, int asked_first) {
    tombstones_from_[topic] = {offset, asked_first, {}};
  }
  /// The topic was compacted, all its keys were deleted, and the tombstones are gone too.
  void empty(log::TopicId topic) { emptied_.insert(topic); }
  /// Whichever handles commit next, so many commits fail with this code before anything is written.
  void fail_commits(ErrorCode code, int times);
  /// Whichever handles commit next, a transaction with such a record fails with this code before
  /// anything is written. No function: none does.
  void refuse_records(ErrorCode code, std::function<bool(const log::RecordView&)> refused);
  /// The next commit is carried out and answered by this code.
  void answer_commit(ErrorCode code);
  /// Waiting until something is durable fails with this code; an empty code: it does not.
  void fail_durable(ErrorCode code) { durable_failure_ = code; }
  /// What the partition has before that offset is removed.
  void remove_before(log::TopicPartition partition, log::Offset offset) {
    removed_before_[partition] = offset;
  }
  /// The log was put back from a backup: what was seen of it is not in its past any more.
  void put_back() { was_put_back_ = true; }
  /// What handles were asked for, whether it is in the past of the log.
  [[nodiscard]] const std::vector<std::pair<log::Lineage, log::LogPosition>>& asked_for_past()
      const {
    return asked_for_past_;
  }
  /// The log no longer has the positions of that group: a cluster forgets those that nobody uses.
  void lose_positions(log::GroupId group) { asked_for_lost_.emplace(group, 0); }
  /// How often handles have asked for them since.
  [[nodiscard]] int asked_for_lost(log::GroupId group) const { return asked_for_lost_.at(group); }
  /// Everything that has to do with these topics fails with this code, commits too.
  void fail_topics(ErrorCode code, std::set<log::TopicId> topics) {
    failing_topic_ = code;
    failing_topics_ = std::move(topics);
  }
  /// Making a topic with such a name fails with this code.
  void refuse_topics(ErrorCode code, std::string suffix) {
    topics_failure_ = code;
    refused_suffix_ = std::move(suffix);
  }
  /// Runs once, when a handle next asks for the groups, before it learns of them.
  void before_groups(std::function<void()> work) { before_groups_ = std::move(work); }
  /// Runs once, when a handle next joins a group, before it does.
  void before_join(std::function<void()> work) { before_join_ = std::move(work); }

  /// Whichever handle looks for this topic next, so many times it fails with this code.
  void fail_finding(std::string topic, ErrorCode code, int times);
  /// Topics in which any handle has asked for positions of groups.
  [[nodiscard]] std::set<log::TopicId>& asked_for_positions() { return asked_for_positions_; }

  /// How the last wait of any handle ended.
  [[nodiscard]] log::WaitOutcome last_wait() const { return last_wait_; }

  /// The clock that all see.
  virtual Clock& clock() = 0;
  /// Moves that clock forward.
  virtual void advance_ms(std::int64_t ms) = 0;
  /// The same clock where nothing but the test moves it, else null.
  virtual ManualClock* manual_clock() { return nullptr; }
  /// The log where it is the one in memory, else null.
  virtual log::MemoryBroker* broker() { return nullptr; }
  /// Commits of all topics are in one order, and have positions.
  virtual bool ordered() const { return true; }

  /// For snapshots; the log's own files, if any, are elsewhere.
  FaultFileSystem& files() { return files_; }
  Random& random() { return random_; }

 protected:
  virtual Result<std::unique_ptr<log::Log>> open(log::LogOptions options) = 0;
  virtual void abandon(log::Log& handle) = 0;
  virtual std::int64_t step_ms() const { return 100; }
  [[nodiscard]] std::int64_t session_timeout_ms() const { return session_timeout_ms_; }

 private:
  class NotedWaiter;
  class Handle;
  [[nodiscard]] std::unique_ptr<log::Log> open_handle(log::LogOptions options, bool observes);
  [[nodiscard]] Status check_records(log::Transaction& transaction) const;
  void await_commits();

  FaultFileSystem files_;
  SeededRandom random_{7};
  std::set<Handle*> handles_;
  std::int64_t session_timeout_ms_ = 10'000;
  std::optional<std::int64_t> tombstone_retention_ms_;
  struct TombstonesFrom {
    log::Offset offset;
    int asked_first = 0;
    std::map<std::int32_t, int> asked;  // by partition
  };
  std::map<log::TopicId, TombstonesFrom> tombstones_from_;
  std::set<log::TopicId> emptied_;
  std::map<log::TopicPartition, log::Offset> removed_before_;
  std::map<log::GroupId, int> asked_for_lost_;
  ErrorCode failing_topic_;
  std::set<log::TopicId> failing_topics_;
  ErrorCode topics_failure_;
  std::string refused_suffix_;
  ErrorCode failing_;
  int fail_times_ = 0;
  ErrorCode refusing_;
  std::function<bool(const log::RecordView&)> refused_;
  ErrorCode answered_;
  ErrorCode durable_failure_;
  bool answer_ = false;
  bool was_put_back_ = false;
  std::vector<std::pair<log::Lineage, log::LogPosition>> asked_for_past_;
  std::function<void()> before_groups_;
  std::function<void()> before_join_;
  std::string not_found_;
  ErrorCode finding_;
  int fail_finding_times_ = 0;
  std::set<log::TopicId> asked_for_positions_;
  std::atomic<log::WaitOutcome> last_wait_ = log::WaitOutcome::timeout;
};

struct RuntimeBackend {
  std::string name;
  std::function<std::unique_ptr<RuntimeWorld>()> make;
  bool remote = false;  ///< everything costs round trips: do little again and again
  friend void PrintTo(const RuntimeBackend& backend, std::ostream* out) { *out << backend.name; }
};

/// Lets a handle hear what was committed to all topics, by others and by itself: what it hears by
/// the way comes a moment later on a cluster.
void hear_of_all(log::Log& log);

/// Those that this program runs the tests on.
std::vector<RuntimeBackend> runtime_backends();

inline std::string backend_name(const testing::TestParamInfo<RuntimeBackend>& info) {
  return info.param.name;
}

}  // namespace millrace::stream::test
