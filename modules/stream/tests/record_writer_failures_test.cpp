// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "record_writer_fixture.hpp"

namespace millrace::stream {
namespace {

TEST_F(RecordWriters, a_done_that_throws_ends_the_writer_and_the_others_hear_of_the_commit) {
  RecordWriter writer(*log_, real_clock(), random_);
  bool committed = false;
  ASSERT_TRUE(writer.append(partition(), record("a"),
                            [](const auto&) { throw std::runtime_error("died"); }));
  ASSERT_TRUE(writer.append(partition(), record("b"),
                            [&](const auto& outcome) { committed = outcome.has_value(); }));
  EXPECT_THROW(writer.commit_all(), std::runtime_error);
  EXPECT_TRUE(committed);
  writer.commit_all();  // nothing waits any more
  const Status refused = writer.append(partition(), record("c"), [](const auto&) {});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(log::errc::closed));
}

class CallsAtItsEnd {
 public:
  explicit CallsAtItsEnd(std::function<void()> fn) : fn_(std::move(fn)) {}
  ~CallsAtItsEnd() { fn_(); }
  CallsAtItsEnd(const CallsAtItsEnd&) = delete;
  CallsAtItsEnd& operator=(const CallsAtItsEnd&) = delete;

 private:
  std::function<void()> fn_;
};

TEST_F(RecordWriters, a_log_that_throws_ends_the_writer_and_each_done_hears_of_it) {
  DyingLog dying(*log_);
  RecordWriter writer(dying, real_clock(), random_);
  std::vector<ErrorCode> codes;
  const auto note = [&](const auto& outcome) {
    codes.push_back(outcome ? ErrorCode{} : outcome.error().code());
  };
  int refused = 0;
  const auto append = [&] {
    const Status again = writer.append(partition(), record("again"), [](const auto&) {});
    refused += !again && again.error().is(log::errc::closed);
  };
  const std::string large(600'000, 'x');  // two of them fill a commit
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(writer.append(partition(), {1, "first", large, {}}, note));
  for (int i = 0; i < 2; ++i) {
    // What a callback holds may use the writer when it goes.
    const auto owned = std::make_shared<CallsAtItsEnd>(append);
    ASSERT_TRUE(writer.append(partition(), record("behind"),
                              [note, owned](const auto& outcome) { note(outcome); }));
  }
  EXPECT_THROW(writer.commit_all(), std::runtime_error);
  EXPECT_THAT(codes, testing::ElementsAre(log::errc::outcome_unknown, log::errc::outcome_unknown,
                                          log::errc::closed, log::errc::closed));
  EXPECT_EQ(refused, 2);
  EXPECT_TRUE(keys_in_the_log().empty());
}

TEST_F(RecordWriters, threads_that_wait_are_released_when_the_commit_of_another_throws) {
  DyingLog dying(*log_);
  RecordWriter writer(dying, real_clock(), random_);
  std::promise<void> begun;
  std::promise<void> proceed;
  dying.before_commit = [&] {
    begun.set_value();
    proceed.get_future().wait();
  };
  ASSERT_TRUE(writer.append(partition(), record("first"), [](const auto&) {}));
  std::thread leader([&] { EXPECT_THROW(writer.commit_all(), std::runtime_error); });
  begun.get_future().wait();
  constexpr int threads = 2;
  std::latch appended(threads);
  std::vector<std::thread> waiters;
  for (int thread = 0; thread < threads; ++thread) {
    waiters.emplace_back([&] {
      std::atomic<bool> done{false};
      EXPECT_TRUE(writer.append(partition(), record("k"), [&](const auto& outcome) {
        EXPECT_FALSE(outcome);
        EXPECT_TRUE(outcome.error().is(log::errc::closed));
        done = true;
      }));
      appended.count_down();
      writer.commit_until([&] { return done.load(); });
      EXPECT_TRUE(done);
    });
  }
  appended.wait();
  proceed.set_value();
  leader.join();
  for (std::thread& waiter : waiters)
    waiter.join();
}

TEST_F(RecordWriters, a_commit_that_throws_in_run_ends_the_run) {
  RecordWriter writer(*log_, real_clock(), random_);
  std::thread runner([&] { EXPECT_THROW(writer.run(), std::runtime_error); });
  ASSERT_TRUE(writer.append(partition(), record("a"),
                            [](const auto&) { throw std::runtime_error("died"); }));
  runner.join();
  writer.commit_all();
}

TEST_F(RecordWriters, nothing_is_committed_when_an_exception_destroys_the_writer) {
  std::optional<Error> heard;
  const auto use = [&] {
    RecordWriter writer(*log_, real_clock(), random_);
    ASSERT_TRUE(writer.append(partition(), record("a"), [&](const auto& outcome) {
      if (!outcome) heard = outcome.error();
    }));
    throw std::runtime_error("died");
  };
  EXPECT_THROW(use(), std::runtime_error);
  ASSERT_TRUE(heard);
  EXPECT_TRUE(heard->is(log::errc::closed));
  EXPECT_TRUE(keys_in_the_log().empty());
}

// The thread that commits takes its time, and another one destroys the writer.
TEST_F(RecordWriters, an_exception_that_destroys_the_writer_waits_for_the_commit_under_way) {
  DyingLog log(*log_);
  log.dies = false;
  std::promise<void> begun;
  std::promise<void> proceed;
  log.before_commit = [&] {
    begun.set_value();
    proceed.get_future().wait();
  };
  std::jthread committer;
  std::jthread releaser;
  std::vector<std::string> outcomes;  // in the order of the calls
  const auto note = [&](const char* name) {
    return [&outcomes, name](const auto& outcome) {
      outcomes.push_back(std::string(name) + (outcome ? " committed" : " refused"));
    };
  };
  const auto use = [&] {
    RecordWriter writer(log, real_clock(), random_);
    ASSERT_TRUE(writer.append(partition(), record("first"), note("first")));
    committer = std::jthread([&writer] { writer.commit_all(); });
    begun.get_future().wait();
    ASSERT_TRUE(writer.append(partition(), record("second"), note("second")));
    releaser = std::jthread([&] {
      // The destructor has begun when no record is taken any more.
      while (true) {
        const Status taken = writer.append(partition(), record("late"), [](const auto&) {});
        if (!taken && taken.error().is(log::errc::closed)) break;
        std::this_thread::yield();
      }
      proceed.set_value();
    });
    throw std::runtime_error("died");
  };
  EXPECT_THROW(use(), std::runtime_error);
  EXPECT_THAT(outcomes, testing::ElementsAre("first committed", "second refused"));
  EXPECT_THAT(keys_in_the_log(), testing::ElementsAre("first"));
}

class OneByOneLog final : public log::ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  Result<log::Committed> commit(log::Transaction& transaction) override {
    if (transaction.records() > 1) return fail(log::errc::too_large, "one record at a time");
    return inner().commit(transaction);
  }
};

TEST_F(RecordWriters, what_an_exception_kept_from_its_commit_is_known_not_to_be_in_the_log) {
  OneByOneLog one_by_one(*log_);
  RecordWriter writer(one_by_one, real_clock(), random_);
  ASSERT_TRUE(writer.append(partition(), record("a"),
                            [](const auto&) { throw std::runtime_error("died"); }));
  std::vector<ErrorCode> codes;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(writer.append(partition(), record("b"), [&](const auto& outcome) {
      codes.push_back(outcome ? ErrorCode{} : outcome.error().code());
    }));
  }
  EXPECT_THROW(writer.commit_all(), std::runtime_error);
  EXPECT_THAT(codes, testing::ElementsAre(log::errc::closed, log::errc::closed));
  EXPECT_THAT(keys_in_the_log(), testing::ElementsAre("a"));
}

TEST_F(RecordWriters, a_writer_that_is_made_while_an_exception_is_on_its_way_commits) {
  const auto use = [&] {
    const CallsAtItsEnd last([&] {
      RecordWriter writer(*log_, real_clock(), random_);
      EXPECT_TRUE(writer.append(partition(), record("last"), [](const auto&) {}));
    });
    throw std::runtime_error("died");
  };
  EXPECT_THROW(use(), std::runtime_error);
  EXPECT_THAT(keys_in_the_log(), testing::ElementsAre("last"));
}

using RecordWriterDeathTest = RecordWriters;

TEST_F(RecordWriterDeathTest, a_done_that_waits_for_a_record_ends_the_process) {
  const auto wait_in_a_done = [&] {
    RecordWriter writer(*log_, real_clock(), random_);
    static_cast<void>(
        writer.append(partition(), record("a"), [&](const auto&) { writer.commit_all(); }));
    writer.commit_all();
  };
  EXPECT_DEATH(wait_in_a_done(), "a Done does not wait for a record");
}

TEST_F(RecordWriterDeathTest, a_done_is_not_empty) {
  RecordWriter writer(*log_, real_clock(), random_);
  EXPECT_DEATH(static_cast<void>(writer.append(partition(), record("a"), {})),
               "append\\(\\) takes a function");
}

}  // namespace
}  // namespace millrace::stream
