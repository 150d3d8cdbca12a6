// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "embedded_world.hpp"
#include "hooked_files.hpp"
#include "millrace/base/die_at.hpp"

// Reading a log without writing: handles that only read, and the tools.
namespace millrace::log {
namespace {

using testing::HasSubstr;

LogOptions reading_options(LogAccess access = LogAccess::read_only) {
  LogOptions options = options_of();
  options.access = access;
  options.create = false;
  return options;
}

/// Values of all topics, by the log's own list of them.
std::vector<std::vector<std::string>> content_of(Log& log) {
  std::vector<std::vector<std::string>> content;
  const auto topics = log.topics().value();
  for (const Topic& topic : topics) {
    content.push_back(values_of(log, {topic.id, partition(0)}));
  }
  return content;
}

class EmbeddedReading : public testing::Test {
 protected:
  /// A log of two topics, a group with a position, and several segments.
  std::unique_ptr<Log> fill() {
    auto log = machine_.open();
    const TopicPartition orders = topic_at(*log, "orders");
    const TopicPartition bills = topic_at(*log, "bills");
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(put_all(*log, {orders, bills}, std::string(2000, 'x') + std::to_string(i)));
    }
    const auto group = log->group("readers");
    EXPECT_TRUE(group);
    Transaction transaction;
    transaction.set_position(*group, orders, offset(42));
    EXPECT_TRUE(log->commit(transaction));
    return log;
  }
  void expect_readable(LogAccess access) {
    auto reader = machine_.try_open(reading_options(access));
    ASSERT_TRUE(reader) << reader.error().to_string();
    EXPECT_TRUE((*reader)->read_only_reason());
    EXPECT_EQ(content_of(**reader), content_);
    const auto orders = (*reader)->find_topic("orders");
    ASSERT_TRUE(orders);
    EXPECT_EQ((*reader)->end_offset({orders->id, partition(0)}).value(), offset(100));
    const auto group = (*reader)->group("readers");
    ASSERT_TRUE(group);
    EXPECT_EQ((*reader)->position(*group, {orders->id, partition(0)}).value(), offset(42));
    ASSERT_EQ((*reader)->groups().value().size(), 1U);
    EXPECT_EQ((*reader)->groups().value()[0].positions.size(), 1U);
    EXPECT_EQ((*reader)->identity(), identity_);
    const auto report = verify_log(SimulatedMachine::directory, machine_.environment);
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_FALSE(report->corrupt);
    EXPECT_TRUE(stat_log(SimulatedMachine::directory, machine_.environment));
  }
  void remember(Log& log) {
    content_ = content_of(log);
    identity_ = log.identity();
  }

  SimulatedMachine machine_;
  std::vector<std::vector<std::string>> content_;
  std::string identity_;
};

TEST_F(EmbeddedReading, a_log_on_a_read_only_mount_is_read) {
  remember(*fill());
  machine_.files.set_read_only(true);
  const auto writer = machine_.try_open();
  ASSERT_FALSE(writer);
  EXPECT_TRUE(writer.error().is(errc::no_permission)) << writer.error().to_string();
  expect_readable(LogAccess::prefer_write);
  expect_readable(LogAccess::read_only);
}

TEST_F(EmbeddedReading, a_log_on_a_full_disk_is_read) {
  remember(*fill());
  machine_.files.set_capacity(0);
  const auto writer = machine_.try_open();
  ASSERT_FALSE(writer);
  EXPECT_TRUE(writer.error().is(errc::disk_full)) << writer.error().to_string();
  expect_readable(LogAccess::prefer_write);
}

TEST_F(EmbeddedReading, a_log_that_others_use_is_read_where_joining_them_is_not_permitted) {
  const auto writer = fill();
  remember(*writer);
  machine_.files.set_read_only(true);
  expect_readable(LogAccess::prefer_write);
}

TEST_F(EmbeddedReading, prefer_write_writes_where_that_is_possible) {
  fill();
  const auto log = machine_.open(reading_options(LogAccess::prefer_write));
  EXPECT_FALSE(log->read_only_reason());
  EXPECT_TRUE(put_all(*log, {topic_at(*log, "orders")}, "more"));
}

TEST_F(EmbeddedReading, a_reader_follows_what_others_write) {
  const auto writer = fill();
  const auto reader = machine_.open(reading_options());
  const TopicPartition orders = topic_at(*writer, "orders");
  EXPECT_EQ(content_of(*reader), content_of(*writer));
  const auto waiter = reader->waiter();
  const Interest interest{orders, reader->end_offset(orders).value()};
  EXPECT_EQ(waiter->wait({&interest, 1}, 0), WaitOutcome::timeout);
  const TopicPartition more = topic_at(*writer, "more");
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(put_all(*writer, {orders, more}, std::string(2000, 'y')));
    ASSERT_EQ(reader->end_offset(more).value(), offset(i + 1));
    ASSERT_EQ(reader->end_offset(orders).value(), offset(100 + i + 1));
  }
  EXPECT_EQ(waiter->wait({&interest, 1}, 0), WaitOutcome::ready);
  EXPECT_EQ(content_of(*reader), content_of(*writer));
  EXPECT_EQ(reader->committed().position, writer->committed().position);
}

TEST_F(EmbeddedReading, a_reader_that_waits_looks_five_times_a_second) {
  const auto writer = fill();
  HookedFiles files(machine_.files);
  LogEnvironment environment{machine_.clock, files, machine_.random, machine_.processes};
  const auto reader = open_embedded(SimulatedMachine::directory, environment, reading_options(),
                                    machine_.embedded());
  ASSERT_TRUE(reader) << reader.error().to_string();
  const TopicPartition orders = topic_at(**reader, "orders");
  const Interest interest{orders, (*reader)->end_offset(orders).value()};
  const auto waiter = (*reader)->waiter();
  const int before = files.listings();
  const std::int64_t begun_ns = machine_.clock.monotonic_ns();
  EXPECT_EQ(waiter->wait({&interest, 1}, begun_ns + 1'000'000'000), WaitOutcome::timeout);
  EXPECT_EQ(files.listings() - before, 6) << "each look lists the segments; one when it begins";
}

TEST_F(EmbeddedReading, what_a_reader_saw_stays_whatever_its_writer_died_of) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "fault points are not compiled in";
  }
  for (const char* point : {"commit.before_frame", "commit.inside_frame", "commit.after_frame",
                            "commit.after_publish", "commit.before_wake", "commit.after_wake"}) {
    for (const bool alone : {true, false}) {
      SCOPED_TRACE(std::string(point) + (alone ? ", recovered" : ", repaired by another member"));
      SimulatedMachine machine;
      auto writer = machine.open(options_of("stock", "one"));
      auto other = alone ? nullptr : machine.open(options_of("stock", "two"));
      const TopicPartition orders = topic_at(*writer, "orders");
      ASSERT_TRUE(put_all(*writer, {orders}, "first"));
      const auto reader = machine.open(reading_options());
      const DieAt death(point);
      EXPECT_THROW(static_cast<void>(put_all(*writer, {orders}, "second")), SimulatedDeath);
      abandon(*writer);
      const std::vector<std::string> seen = values_of(*reader, orders);
      if (alone) {
        other = machine.open(options_of("stock", "two"));
      }
      ASSERT_TRUE(put_all(*other, {orders}, "third"));
      const std::vector<std::string> values = values_of(*other, orders);
      ASSERT_LE(seen.size(), values.size());
      EXPECT_TRUE(std::equal(seen.begin(), seen.end(), values.begin()));
      EXPECT_EQ(values_of(*reader, orders), values);
    }
  }
}

TEST_F(EmbeddedReading, a_reader_does_not_keep_others_from_opening_the_log) {
  fill();
  const auto reader = machine_.open(reading_options());
  const auto writer = machine_.open();
  ASSERT_TRUE(put_all(*writer, {topic_at(*writer, "orders")}, "more"));
  EXPECT_EQ(content_of(*reader), content_of(*writer));
}

TEST_F(EmbeddedReading, what_would_write_is_refused_with_the_reason) {
  fill();
  machine_.files.set_read_only(true);
  const auto reader = machine_.open(reading_options(LogAccess::prefer_write));
  const auto expect_refused = [](const auto& result, std::string_view what) {
    ASSERT_FALSE(result) << what;
    EXPECT_TRUE(result.error().is(errc::read_only)) << result.error().to_string();
    EXPECT_THAT(result.error().message(), HasSubstr("read-only file system"));
    EXPECT_THAT(result.error().message(), HasSubstr(what));
  };
  const TopicPartition orders = topic_at(*reader, "orders");
  expect_refused(put_all(*reader, {orders}, "x"), "commit");
  expect_refused(reader->create_topic({"new", 1, TopicKind::events, "stock"}), "'new'");
  expect_refused(reader->group("new"), "'new'");
  expect_refused(reader->join(reader->group("readers").value(), {"0"}), "join");
  const LogPosition end = reader->committed();
  const LogPosition proven = reader->durable();
  EXPECT_LE(proven.position, end.position);
  EXPECT_TRUE(reader->wait_durable(proven));
}

TEST_F(EmbeddedReading, a_log_whose_sync_failed_is_read_and_says_so) {
  auto writer = fill();
  machine_.files.fail_syncs(true);
  EXPECT_FALSE(writer->wait_durable(writer->committed()));
  remember(*writer);
  writer.reset();
  machine_.files.fail_syncs(false);
  const auto reader = machine_.try_open(reading_options(LogAccess::prefer_write));
  ASSERT_TRUE(reader) << reader.error().to_string();
  EXPECT_THAT((*reader)->read_only_reason().value_or(""), HasSubstr("sync failed"));
  EXPECT_EQ(content_of(**reader), content_);
}

TEST_F(EmbeddedReading, damage_is_an_error_and_no_end_of_the_log) {
  fill();
  const auto names = machine_.files.list("/log/journal").value();
  ASSERT_TRUE(names.back().ends_with(".journal"));
  ASSERT_TRUE(machine_.files.flip_bit("/log/journal/" + names.back(), 500, 3));
  for (const LogAccess access : {LogAccess::prefer_write, LogAccess::read_only}) {
    const auto reader = machine_.try_open(reading_options(access));
    ASSERT_FALSE(reader);
    EXPECT_TRUE(reader.error().is(errc::corrupt)) << reader.error().to_string();
  }
}

TEST_F(EmbeddedReading, a_missing_log_is_not_made) {
  const auto reader = machine_.try_open(reading_options());
  ASSERT_FALSE(reader);
  EXPECT_TRUE(reader.error().is(millrace::errc::not_found));
  EXPECT_FALSE(machine_.files.exists("/log"));
}

TEST_F(EmbeddedReading, a_frame_that_is_completed_while_it_is_looked_at_is_no_damage) {
  EmbeddedOptions embedded = small_segments();
  embedded.segment_bytes = 1U << 20U;  // more than is read ahead
  auto writer = machine_.open(options_of(), embedded);
  const TopicPartition orders = topic_at(*writer, "orders");
  ASSERT_TRUE(put_all(*writer, {orders}, "first"));
  ASSERT_TRUE(writer->wait_durable(writer->committed()));
  HookedFiles files(machine_.files);
  LogEnvironment environment{machine_.clock, files, machine_.random, machine_.processes};
  const auto write_more = [&] {
    for (int i = 0; i < 3; ++i) {
      const auto committed = put_all(*writer, {orders}, std::string(3000, 'x'));
      ASSERT_TRUE(committed);
      ASSERT_TRUE(writer->wait_durable(committed->position));
    }
  };
  // At each read of the tool in turn others write.
  int read = 0;
  for (bool reached = true; reached; ++read) {
    files.before_read(read, write_more);
    const auto report = verify_log(SimulatedMachine::directory, environment);
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->corrupt) << report->corrupt->reason << " at read " << read;
    const bool during_verify = files.was_called();
    files.before_read(read, write_more);
    const auto reader = open_embedded(SimulatedMachine::directory, environment, reading_options(),
                                      machine_.embedded());
    EXPECT_TRUE(reader) << reader.error().to_string() << " at read " << read;
    reached = during_verify || files.was_called();
  }
  EXPECT_GT(read, 5);
}

/// The same on the machine's own files.
class EmbeddedReadingFiles : public testing::Test {
 protected:
  std::unique_ptr<Log> open(LogOptions options) {
    auto log = open_embedded(directory_.path(), environment_, std::move(options), small_segments());
    EXPECT_TRUE(log) << log.error().to_string();
    return log ? *std::move(log) : nullptr;
  }
  /// What lies in the directory: names, sizes and times of change.
  [[nodiscard]] std::vector<std::string> listing() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
      struct stat status{};
      EXPECT_EQ(::lstat(entry.path().c_str(), &status), 0);
      found.push_back(entry.path().string() + " " + std::to_string(status.st_size) + " " +
                      std::to_string(status.st_mtim.tv_sec) + "." +
                      std::to_string(status.st_mtim.tv_nsec) + " " +
                      std::to_string(status.st_ctim.tv_nsec));
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  TemporaryDirectory directory_;
  SeededRandom random_{1};
  LogEnvironment environment_{real_clock(), real_file_system(), random_, real_processes()};
};

TEST_F(EmbeddedReadingFiles, reading_changes_nothing_in_the_directory) {
  {
    const auto writer = open(options_of());
    ASSERT_TRUE(put_all(*writer, {topic_at(*writer, "orders")}, "x"));
  }
  const auto before = listing();
  {
    const auto reader = open(reading_options());
    EXPECT_EQ(content_of(*reader), (std::vector<std::vector<std::string>>{{"x"}}));
    EXPECT_TRUE(verify_log(directory_.path(), environment_));
  }
  EXPECT_EQ(listing(), before);
}

TEST_F(EmbeddedReadingFiles, a_user_that_may_only_read_the_directory_reads_the_log) {
  {
    const auto writer = open(options_of());
    ASSERT_TRUE(put_all(*writer, {topic_at(*writer, "orders")}, "x"));
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
    ASSERT_EQ(::chmod(entry.path().c_str(), entry.is_directory() ? 0555 : 0444), 0);
  }
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0555), 0);
  const auto before = listing();
  const pid_t child = ::fork();
  if (child == 0) {
    // Modes do not bind root.
    constexpr uid_t nobody = 65'534;
    if (::geteuid() == 0 && ::setuid(nobody) != 0) {
      ::_exit(3);
    }
    const auto writer = open_embedded(directory_.path(), environment_, options_of());
    const auto reader =
        open_embedded(directory_.path(), environment_, reading_options(LogAccess::prefer_write));
    const auto report = verify_log(directory_.path(), environment_);
    const bool good = !writer && writer.error().is(errc::no_permission) && reader &&
                      (*reader)->read_only_reason() && report && !report->corrupt &&
                      content_of(**reader) == std::vector<std::vector<std::string>>{{"x"}};
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(listing(), before);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
    ASSERT_EQ(::chmod(entry.path().c_str(), 0755), 0);
  }
}

TEST_F(EmbeddedReadingFiles, a_reader_that_waits_sees_what_others_commit) {
  const auto writer = open(options_of());
  const TopicPartition orders = topic_at(*writer, "orders");
  const auto reader = open(reading_options());
  std::thread later([&] { EXPECT_TRUE(put_all(*writer, {orders}, "x")); });
  const auto waiter = reader->waiter();
  const Interest interest{orders, offset(0)};
  constexpr std::int64_t timeout_ns = 120'000'000'000;
  EXPECT_EQ(waiter->wait({&interest, 1}, real_clock().monotonic_ns() + timeout_ns),
            WaitOutcome::ready);
  later.join();
  std::thread interrupter([&] { waiter->interrupt(); });
  const Interest never{orders, offset(1)};
  EXPECT_EQ(waiter->wait({&never, 1}, real_clock().monotonic_ns() + timeout_ns),
            WaitOutcome::interrupted);
  interrupter.join();
}

}  // namespace
}  // namespace millrace::log
