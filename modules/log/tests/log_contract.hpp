// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/log.hpp"

// The contract of a log as a suite of tests, the same for every backend. A backend's own test file
// runs it on itself:
//
//   class MyFixture final : public LogFixture { ... };
//   INSTANTIATE_TEST_SUITE_P(Mine, LogContract,
//                            testing::Values(LogBackend{"plain", [] { return
//                            std::make_unique<MyFixture>(); }}), backend_name);

namespace millrace::log {

/// One empty log of a backend and the world around it. Made again for each test; outlives all
/// handles.
class LogFixture {
 public:
  virtual ~LogFixture() = default;

  /// Opens a handle, a further member of the one log. The defaults of LogOptions hold for limits
  /// and time-outs.
  virtual std::unique_ptr<Log> connect(LogOptions options) = 0;
  /// The handle's process dies without a farewell. The others may learn of it at their next
  /// maintain(). The test still destroys the handle and its memberships, which must do nothing any
  /// more.
  virtual void kill(Log& handle) = 0;
  /// The clock that all handles see.
  virtual Clock& clock() = 0;
  /// Moves that clock forward.
  virtual void advance_ms(std::int64_t ms) = 0;
  /// Waits really block, and threads may use handles at the same time. Tests with threads are
  /// skipped otherwise.
  virtual bool blocks() const { return true; }
  /// Commits of all topics are in one order, and readers see which records were one commit.
  virtual bool ordered() const { return true; }
  /// Housekeeping removes commands that are old enough and read, at once. Others may take longer.
  virtual bool removes_commands() const { return false; }
  /// What one handle did is known to all others when this returns. Where that needs time, it takes
  /// it.
  virtual void synchronize() {}
  /// Another client's transaction, open in partition 0 of the topic until the result is destroyed;
  /// null where nothing holds back what is committed.
  virtual std::shared_ptr<void> hold_back(const std::string& /*topic*/) { return nullptr; }
  /// Fewer where each costs a round trip.
  virtual int many_topics() const { return 1000; }
  /// Bytes of the longest name of a topic.
  virtual std::size_t longest_name() const { return 249; }
};

struct LogBackend {
  std::string name;
  std::function<std::unique_ptr<LogFixture>()> make;
  friend void PrintTo(const LogBackend& backend, std::ostream* out) { *out << backend.name; }
};

inline std::string backend_name(const testing::TestParamInfo<LogBackend>& info) {
  return info.param.name;
}

/// The real clock plus what a test adds: threads can sleep by it and time-outs can still be jumped
/// over.
class SkewedClock final : public Clock {
 public:
  std::int64_t wall_ms() override { return real_clock().wall_ms() + skew_ms(); }
  std::int64_t monotonic_ns() override {
    return real_clock().monotonic_ns() + skew_ms() * 1'000'000;
  }
  void advance_ms(std::int64_t ms) { __atomic_fetch_add(&skew_ms_, ms, __ATOMIC_RELAXED); }

 private:
  std::int64_t skew_ms() const { return __atomic_load_n(&skew_ms_, __ATOMIC_RELAXED); }
  std::int64_t skew_ms_ = 0;
};

/// The tasks of the group that most tests share.
inline const std::vector<std::string> six_tasks{"0_0", "0_1", "0_2", "0_3", "0_4", "0_5"};

/// A member with what it holds, which does what poll() asks for.
struct ObedientMember {
  LogFixture& world;
  Log& log;
  std::unique_ptr<Membership> membership;
  std::vector<Claim> held;
  std::vector<Claim> lost;

  /// Polls, gives back what is asked for; true when something changed.
  bool obey();
  std::vector<std::string> tasks() const;
};

/// Words that the tests of the contract share.
class LogContract : public testing::TestWithParam<LogBackend> {
 protected:
  /// A handle of a service, `stock` unless the caller says otherwise.
  std::unique_ptr<Log> connect(std::string service = "stock", std::string member = "");
  /// Makes a topic of the handle's service.
  static TopicPartition make_topic(Log& log, const std::string& name, std::int32_t partitions = 1,
                                   TopicKind kind = TopicKind::events);
  /// Commits and waits until what was committed can be read.
  static Result<Committed> commit(Log& log, Transaction& transaction);
  /// Commits one record; fails the test when refused.
  static Committed put(Log& log, TopicPartition partition, const std::string& key,
                       const std::string& value);
  /// `key=value` of all records of a partition from an offset on, read batch by batch.
  static std::vector<std::string> read(Log& log, TopicPartition partition, Offset from = offset(0));
  static std::string text_of(const RecordView& record);
  ObedientMember join(Log& log, const std::string& group, std::vector<std::string> tasks);
  /// Lets all of them poll and release until nothing changes any more.
  static void come_to_rest(const std::vector<ObedientMember*>& members);
  /// Two members of group `g` at rest, each with three of its six tasks.
  struct Pair {
    std::unique_ptr<Log> log_a;
    std::unique_ptr<Log> log_b;
    TopicPartition partition;  ///< of a topic that both may write
    ObedientMember a;
    ObedientMember b;
  };
  Pair two_members();
  /// Lets one member alone poll for longer than the session of the others.
  void outlast_the_others(ObedientMember& member);
  /// Nothing of the transaction is written, because a claim that it requires was lost.
  static void expect_fenced(Log& log, Transaction& transaction);
  /// A deadline no test ever reaches.
  std::int64_t far_away() { return world_->clock().monotonic_ns() + 600'000'000'000; }

  LogFixture& world() { return *world_; }

 private:
  std::unique_ptr<LogFixture> world_ = GetParam().make();
};

}  // namespace millrace::log
