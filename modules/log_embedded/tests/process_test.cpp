// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "millrace/log_embedded/shared_region.hpp"
#include "process_world.hpp"

// The embedded log among real processes, which are forked before they open it.
namespace millrace::log {
namespace {

TEST_F(EmbeddedProcesses, two_processes_share_one_log_and_wake_each_other) {
  Child writer([&] {
    auto log = open("writer");
    const auto partition = topic_at(*log, "t");
    for (int i = 0; i < 100; ++i) {
      if (!put_all(*log, {partition}, std::to_string(i))) {
        return 1;
      }
    }
    return 0;
  });
  auto log = open("reader");
  const auto partition = topic_at(*log, "t");
  auto waiter = log->waiter();
  FetchBuffer buffer;
  std::int64_t seen = 0;
  while (seen < 100) {
    const Interest interest[] = {{partition, offset(seen)}};
    const WaitOutcome outcome = waiter->wait(interest, soon());
    ASSERT_NE(outcome, WaitOutcome::timeout);
    ASSERT_TRUE(log->fetch(partition, offset(seen), 1U << 20U, buffer).has_value());
    for (const RecordView& record : buffer.records) {
      ASSERT_EQ(record.value, std::to_string(seen));
      ++seen;
    }
  }
  EXPECT_EQ(writer.wait(), 0);
}

TEST_F(EmbeddedProcesses, many_processes_opening_at_once_get_one_log) {
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(std::make_unique<Child>([&, i] {
      auto log = open("member-" + std::to_string(i));
      const auto partition = topic_at(*log, "t");
      const bool good = put_all(*log, {partition}, std::to_string(i)).has_value();
      return good ? 0 : 1;
    }));
  }
  for (auto& child : children) {
    EXPECT_EQ(child->wait(), 0);
  }
  auto log = open("reader");
  EXPECT_THAT(values_of(*log, topic_at(*log, "t")),
              testing::UnorderedElementsAre("0", "1", "2", "3", "4", "5", "6", "7"));
}

const char* const commit_points[] = {
    "lock.held",          "commit.before_frame",  "commit.inside_frame",
    "commit.after_frame", "commit.after_publish", "commit.before_wake",
    "commit.after_wake"};

TEST_F(EmbeddedProcesses,
       a_writer_killed_at_any_point_of_a_commit_leaves_a_whole_log_and_the_others_go_on) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = open("survivor");
  auto a = topic_at(*log, "t", 2);
  auto b = TopicPartition{a.topic, partition(1)};
  int done = 0;
  for (const char* point : commit_points) {
    Child writer([&] {
      auto own = open("victim");
      topic_at(*own, "t", 2);
      const DieAt death(point, 2, SIGKILL);
      for (int i = 0; i < 2; ++i) {
        static_cast<void>(put_all(*own, {a, b}, "victim"));
      }
      return 1;
    });
    ASSERT_TRUE(was_killed(writer.wait())) << point;
    const auto committed = put_all(*log, {a, b}, "survivor");
    ASSERT_TRUE(committed.has_value()) << point << ": " << committed.error().to_string();
    EXPECT_TRUE(log->wait_durable(committed->position).has_value());
    const auto values = values_of(*log, a);
    EXPECT_EQ(values, values_of(*log, b)) << point;
    ++done;
    EXPECT_EQ(std::count(values.begin(), values.end(), "survivor"), done);
    EXPECT_GE(std::count(values.begin(), values.end(), "victim"), done);
  }
}

TEST_F(EmbeddedProcesses, a_writer_stopped_while_holding_the_lock_is_killed_and_the_others_go_on) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* point : commit_points) {
    auto log = open("survivor", 200);
    const auto partition = topic_at(*log, "t");
    Child writer([&] {
      auto own = open("victim");
      const DieAt death(point, 1, SIGSTOP);
      static_cast<void>(put_all(*own, {partition}, "victim"));
      return 1;
    });
    writer.wait_stopped();
    const auto committed = put_all(*log, {partition}, "survivor");
    ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
    EXPECT_TRUE(was_killed(writer.wait())) << point;
    EXPECT_EQ(values_of(*log, partition).back(), "survivor");
  }
}

/// No descriptor can be opened as long as this lives. Sanitizers need some: compare afterwards.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const int next = ::dup(STDERR_FILENO);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(EmbeddedProcesses, a_holder_of_the_lock_that_cannot_be_looked_at_is_named) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = open("survivor", 200);
  const auto partition = topic_at(*log, "t");
  Child writer([&] {
    auto own = open("victim");
    const DieAt death("lock.held", 1, SIGSTOP);
    static_cast<void>(put_all(*own, {partition}, "victim"));
    return 1;
  });
  writer.wait_stopped();
  const auto refused = [&] {
    const NoDescriptors none;
    return put_all(*log, {partition}, "survivor");
  }();
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(errc::stuck_holder)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), testing::HasSubstr(std::to_string(writer.pid())));
  ASSERT_TRUE(put_all(*log, {partition}, "survivor").has_value());
  EXPECT_TRUE(was_killed(writer.wait()));
}

/// A child that waits until the other end of its pipe is closed.
class WaitingChild {
 public:
  WaitingChild() {
    int started[2];
    EXPECT_EQ(::pipe2(ends_, O_CLOEXEC) + ::pipe2(started, O_CLOEXEC), 0);
    char byte = 0;
    child_.emplace([&] {
      ::close(ends_[1]);
      return ::write(started[1], "x", 1) == 1 && ::read(ends_[0], &byte, 1) == 0 ? 0 : 1;
    });
    EXPECT_EQ(::read(started[0], &byte, 1), 1);
    for (const int end : {ends_[0], started[0], started[1]}) {
      ::close(end);
    }
  }
  ~WaitingChild() { ::close(ends_[1]); }
  WaitingChild(const WaitingChild&) = delete;
  WaitingChild& operator=(const WaitingChild&) = delete;

 private:
  int ends_[2] = {-1, -1};
  std::optional<Child> child_;
};

TEST_F(EmbeddedProcesses, a_forked_child_keeps_no_lock_of_a_parent_that_is_gone) {
  auto region = real_shared_regions().open(path(), false).value();
  ASSERT_TRUE(region->try_lock(SharedRegion::LockMode::shared).value());
  ASSERT_TRUE(region->join(0).value());
  const WaitingChild child;
  auto other = real_shared_regions().open(path(), false).value();
  EXPECT_TRUE(other->alive(0)) << "the parent has it";
  region.reset();
  EXPECT_FALSE(other->alive(0));
  EXPECT_TRUE(other->try_lock(SharedRegion::LockMode::exclusive).value());
}

TEST_F(EmbeddedProcesses, the_lock_of_a_killed_process_is_taken_over_while_a_child_of_it_lives) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  auto log = open("survivor", 200);
  const auto partition = topic_at(*log, "t");
  // One with the handlers of fork(), and one without them.
  for (const bool raw : {false, true}) {
    Child writer([&] {
      auto own = open("victim");
      if ((raw ? static_cast<pid_t>(::syscall(SYS_fork)) : ::fork()) == 0) {
        ::close(ends[1]);
        char byte = 0;
        ::_exit(static_cast<int>(::read(ends[0], &byte, 1)));
      }
      const DieAt death("lock.held", 1, SIGKILL);
      static_cast<void>(put_all(*own, {partition}, "victim"));
      return 1;
    });
    ASSERT_TRUE(was_killed(writer.wait()));
    const auto committed = put_all(*log, {partition}, "survivor");
    ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  }
  for (const int end : ends) {
    ::close(end);
  }
}

TEST_F(EmbeddedProcesses, a_process_that_is_stopped_while_it_waits_for_the_lock_stops_nobody) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  constexpr std::int64_t stuck_ms = 10'000;
  auto log = open("other", stuck_ms);
  const auto partition = topic_at(*log, "t");
  const auto stops_at = [&](const char* member, const char* point) {
    auto own = open(member, stuck_ms);
    const DieAt death(point, 1, SIGSTOP);
    return put_all(*own, {partition}, member).has_value() ? 0 : 1;
  };
  Child holder([&] { return stops_at("holder", "lock.held"); });
  holder.wait_stopped();
  Child waiter([&] {
    const DieAt death("lock.waits", 1, SIGSTOP);
    return open("waiter", stuck_ms) != nullptr ? 0 : 1;
  });
  waiter.wait_stopped();
  holder.signal(SIGCONT);
  EXPECT_EQ(holder.wait(), 0) << "leaving needs the lock, too";
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(put_all(*log, {partition}, "other").has_value());
  }
  waiter.signal(SIGCONT);
  EXPECT_EQ(waiter.wait(), 0) << "it was not killed";
  using testing::ElementsAre;
  EXPECT_THAT(values_of(*log, partition), ElementsAre("holder", "other", "other", "other"));
}

TEST_F(EmbeddedProcesses, when_all_are_killed_the_next_one_continues) {
  for (int round = 0; round < 5; ++round) {
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    Child one([&] {
      auto own = open("one");
      const auto partition = topic_at(*own, "t");
      for (int i = 0;; ++i) {
        const auto committed = put_all(*own, {partition}, "v");
        if (!committed || !own->wait_durable(committed->position)) {
          return 1;
        }
        if (i == 20) {
          static_cast<void>(::write(ready[1], "x", 1));
        }
      }
    });
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    one.signal(SIGKILL);
    one.wait();
    ::close(ready[0]);
    ::close(ready[1]);
    auto log = open("next");
    EXPECT_GE(values_of(*log, topic_at(*log, "t")).size(),
              static_cast<std::size_t>(21 * (round + 1)));
  }
}

TEST_F(EmbeddedProcesses,
       a_reader_asleep_is_woken_when_the_writer_dies_between_publishing_and_waking) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  auto log = open("reader");
  const auto partition = topic_at(*log, "t");
  auto waiter = log->waiter();
  Child writer([&] {
    auto own = open("victim");
    const DieAt death("commit.before_wake", 1, SIGKILL);
    static_cast<void>(put_all(*own, {partition}, "v"));
    return 1;
  });
  ASSERT_TRUE(was_killed(writer.wait()));
  ASSERT_TRUE(log->maintain().has_value());
  const Interest interest[] = {{partition, offset(0)}};
  EXPECT_EQ(waiter->wait(interest, soon()), WaitOutcome::ready);
}

TEST_F(EmbeddedProcesses, a_process_stopped_past_its_session_is_fenced_when_it_wakes) {
  Child sleeper([&] {
    LogOptions options = options_of("stock", "sleeper");
    options.session_timeout_ms = 100;
    auto own = try_open(options);
    if (!own) {
      return 2;
    }
    const auto partition = topic_at(**own, "t");
    auto membership = (*own)->join((*own)->group("g").value(), {"0_0"});
    const auto change = (*membership)->poll();
    if (!change || change->granted.size() != 1) {
      return 3;
    }
    ::raise(SIGSTOP);
    Transaction transaction;
    transaction.append(partition, {0, "k", "too late", {}});
    transaction.require(change->granted[0]);
    const auto committed = (*own)->commit(transaction);
    return !committed && committed.error().is(errc::fenced) ? 0 : 4;
  });
  sleeper.wait_stopped();
  auto log = open("survivor");
  const auto partition = topic_at(*log, "t");
  auto membership = log->join(log->group("g").value(), {"0_0"});
  ASSERT_TRUE(membership.has_value());
  std::size_t granted = 0;
  while (granted == 0) {
    ASSERT_TRUE(log->maintain().has_value());
    const auto change = (*membership)->poll();
    ASSERT_TRUE(change.has_value()) << change.error().to_string();
    granted += change->granted.size();
  }
  sleeper.signal(SIGCONT);
  EXPECT_EQ(sleeper.wait(), 0);
  EXPECT_TRUE(values_of(*log, partition).empty());
}

TEST_F(EmbeddedProcesses, a_deleted_control_file_is_made_again_by_the_next_to_come) {
  {
    auto log = open("one");
    ASSERT_TRUE(put_all(*log, {topic_at(*log, "t")}, "v").has_value());
    ASSERT_TRUE(std::filesystem::remove(path() + "/control"));
    // While somebody still works on the old one nobody else can join.
    EXPECT_THAT(values_of(*log, topic_at(*log, "t")), testing::ElementsAre("v"));
  }
  auto log = open("two");
  EXPECT_THAT(values_of(*log, topic_at(*log, "t")), testing::ElementsAre("v"));
}

TEST_F(EmbeddedProcesses, a_copied_directory_is_a_log_of_its_own) {
  auto log = open("one");
  const auto partition = topic_at(*log, "t");
  ASSERT_TRUE(put_all(*log, {partition}, "v").has_value());
  const TemporaryDirectory other;
  std::filesystem::copy(path(), other.path(), std::filesystem::copy_options::recursive);
  auto copy =
      open_embedded(other.path(), environment_, options_of("stock", "copy"), small_segments());
  ASSERT_TRUE(copy.has_value()) << copy.error().to_string();
  EXPECT_THAT(values_of(**copy, partition), testing::ElementsAre("v"));
  ASSERT_TRUE(put_all(**copy, {partition}, "only in the copy").has_value());
  EXPECT_THAT(values_of(*log, partition), testing::ElementsAre("v"));
}

TEST_F(EmbeddedProcesses, a_handle_used_after_fork_aborts) {
  auto log = open("parent");
  const auto partition = topic_at(*log, "t");
  Child child([&] {
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(null, STDERR_FILENO);
    FetchBuffer buffer;
    static_cast<void>(log->fetch(partition, offset(0), 100, buffer));
    return 0;
  });
  const int status = child.wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

TEST_F(EmbeddedProcesses, a_member_is_alive_to_itself) {
  const auto region = real_shared_regions().open(path(), false);
  ASSERT_TRUE(region.has_value());
  EXPECT_FALSE((*region)->alive(0));
  ASSERT_TRUE((*region)->join(0).value());
  EXPECT_TRUE((*region)->alive(0));
  (*region)->leave(0);
  EXPECT_FALSE((*region)->alive(0));
}

}  // namespace
}  // namespace millrace::log
