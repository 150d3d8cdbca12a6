// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "begin_log.hpp"
#include "catalog.hpp"
#include "embedded_faults.hpp"
#include "frame_walker.hpp"
#include "hooked_files.hpp"
#include "journal.hpp"
#include "millrace/base/hash.hpp"
#include "segment_index.hpp"
#include "version.hpp"

// What is read when a log is opened, and the index files that make it little. On a simulated
// machine.
namespace millrace::log {
namespace {

using testing::HasSubstr;

const std::string journal = std::string(SimulatedMachine::directory) + "/journal/";
constexpr std::uint64_t segment_bytes = 64U << 10U;

/// All that a member shows of a log.
struct Content {
  std::vector<std::vector<std::string>> values;
  std::vector<std::string> groups;
  std::optional<Offset> position;
  bool repeats = false;
  std::uint64_t end = 0;
  friend bool operator==(const Content&, const Content&) = default;
};

class Opening : public EmbeddedFaults {
 protected:
  /// Commits of several topics in many segments, with group positions and producers.
  void fill(Log& log, int commits) {
    const TopicPartition orders = topic_at(log, "orders", 2);
    const GroupId group = log.group("g").value();
    for (int i = 0; i < commits; ++i) {
      Transaction transaction;
      transaction.append(orders, {0, "k", std::to_string(i) + std::string(5'000, 'x'), {}});
      if (i % 3 == 0) {
        transaction.append({orders.topic, partition(1)}, {0, "k", std::to_string(i), {}});
      }
      if (i == commits / 2) {
        transaction.append(topic_at(log, "bills"), {0, "k", "bill", {}});
      }
      if (i == 1) {
        transaction.set_position(group, orders, offset(1));
        transaction.set_sequence("feed", sequence_++);
      }
      const auto committed = log.commit(transaction);
      ASSERT_TRUE(committed) << committed.error().to_string();
    }
  }
  Content content_of(Log& log, bool writes = true) {
    Content content;
    const auto topics = log.topics().value();
    for (const Topic& topic : topics) {
      for (std::int32_t p = 0; p < topic.spec.partitions; ++p) {
        content.values.push_back(values_of(log, {topic.id, partition(p)}));
      }
    }
    const auto groups = log.groups().value();
    for (const GroupInfo& group : groups) {
      content.groups.push_back(group.name);
    }
    content.position =
        log.position(log.group("g").value(), {log.find_topic("orders")->id, partition(0)}).value();
    if (writes) {
      Transaction again;
      again.set_sequence("feed", sequence_ - 1);
      content.repeats = log.commit(again)->repeated;
    }
    content.end = log.committed().position;
    return content;
  }
  static std::vector<std::string> index_files(SimulatedMachine& machine) {
    auto names = machine.files.list(journal).value();
    std::erase_if(names, [](const std::string& name) { return !name.ends_with(".batches"); });
    return names;
  }
  static void remove_index_files(SimulatedMachine& machine) {
    for (const std::string& name : index_files(machine)) {
      ASSERT_TRUE(machine.files.remove(journal + name));
    }
  }
  /// Each batch in the journal begins where the one before of its partition ended, those of the
  /// log's own topics too.
  static void expect_dense(SimulatedMachine& machine) {
    embedded::Journal frames(machine.files, std::string(SimulatedMachine::directory) + "/journal",
                             OpenMode::read);
    ASSERT_TRUE(frames.refresh());
    const auto version = embedded::read_version_file(machine.files, SimulatedMachine::directory);
    embedded::FrameWalker walker(frames, version->log_id);
    std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> ends;
    embedded::WalkedFrame frame;
    while (walker.next(0, frame).value()) {
      for (std::uint32_t i = 0; i < frame.header.entries; ++i) {
        const embedded::FrameEntry entry = embedded::FrameView(frame.table).entry(i);
        std::int64_t& end = ends[{entry.topic, entry.partition}];
        EXPECT_EQ(entry.base_offset, end) << "topic " << entry.topic << " at " << frame.position;
        end = entry.base_offset + entry.offsets;
      }
    }
    EXPECT_GE(ends.size(), 5U);
  }
  std::unique_ptr<Log> open_counted(LogAccess access = LogAccess::read_write) {
    LogOptions options = options_of();
    options.access = access;
    auto log = open_embedded(SimulatedMachine::directory, counted_environment_, options,
                             machine_.embedded());
    EXPECT_TRUE(log) << log.error().to_string();
    return log ? *std::move(log) : nullptr;
  }

  std::int64_t sequence_ = 7;  ///< of the next commit that has one
  HookedFiles counted_{machine_.files};
  LogEnvironment counted_environment_{machine_.clock, counted_, machine_.random,
                                      machine_.processes};
};

TEST_F(Opening, reads_the_index_files_and_what_lies_behind_the_checkpoint) {
  {
    const auto log = machine_.open();
    fill(*log, 400);
  }
  const std::uint64_t journal_bytes =
      stat_log(SimulatedMachine::directory, machine_.environment)->journal_bytes;
  ASSERT_GT(journal_bytes, 30 * segment_bytes);
  const auto names = index_files(machine_);
  ASSERT_GT(names.size(), 30U) << "all segments but the last";
  std::uint64_t index_bytes = 0;
  for (const std::string& name : names) {
    index_bytes += read_file(machine_.files, journal + name)->size();
  }
  for (const LogAccess access : {LogAccess::read_only, LogAccess::read_write}) {
    const std::uint64_t before = counted_.bytes_read();
    const auto log = open_counted(access);
    const std::uint64_t read = counted_.bytes_read() - before;
    // Two headers for each segment, and the last segment: walked, looked through for what proves
    // more, and cut.
    EXPECT_LE(read, index_bytes + names.size() * 160 + 5 * segment_bytes);
    EXPECT_LT(read, journal_bytes / 5);
    ASSERT_NE(log, nullptr);
    if (access == LogAccess::read_write) {
      fill(*log, 10);
      abandon(*log);
    }
  }
  expect_dense(machine_);
}

TEST_F(Opening, finds_the_same_with_any_of_the_index_files_and_without) {
  Content expected;
  {
    const auto log = machine_.open();
    fill(*log, 120);
    expected = content_of(*log);
  }
  ASSERT_GT(index_files(machine_).size(), 8U);
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    for (const std::string& name : index_files(machine_)) {
      const std::string bytes = read_file(machine_.files, journal + name).value();
      switch (random.below(5)) {
        case 0:
          ASSERT_TRUE(machine_.files.remove(journal + name));
          break;
        case 1:
          ASSERT_TRUE(machine_.files.flip_bit(journal + name, random.below(bytes.size()),
                                              static_cast<int>(random.below(8))));
          break;
        case 2:
          ASSERT_TRUE(write_file_atomically(machine_.files, journal + name,
                                            bytes.substr(0, random.below(bytes.size()))));
          break;
        default:
          break;
      }
    }
    LogOptions reading = options_of();
    reading.access = LogAccess::read_only;
    Content read = content_of(*machine_.open(reading), false);
    read.repeats = expected.repeats;
    EXPECT_TRUE(read == expected);
    const auto log = machine_.open();
    ASSERT_NE(log, nullptr);
    EXPECT_TRUE(content_of(*log) == expected);
    EXPECT_FALSE(verify_log(SimulatedMachine::directory, machine_.environment)->corrupt);
  }
  EXPECT_GT(index_files(machine_).size(), 8U) << "those that were missing or damaged came back";
}

TEST_F(Opening, takes_no_index_file_of_another_history) {
  // As a backup that was put back: the same log and the same positions, but other records.
  SimulatedMachine machine;
  for (SimulatedMachine* one : {&machine, &machine_}) {
    begin_log(one->files, SimulatedMachine::directory, 0);
    const auto log = one->open();
    const auto partition = topic_at(*log, "t");
    for (int i = 0; i < 60; ++i) {
      ASSERT_TRUE(put_all(*log, {partition}, std::string(5'000, one == &machine ? 'a' : 'b')));
    }
  }
  ASSERT_EQ(index_files(machine), index_files(machine_));
  for (const std::string& name : index_files(machine)) {
    ASSERT_TRUE(write_file_atomically(machine_.files, journal + name,
                                      read_file(machine.files, journal + name).value()));
  }
  const auto log = machine_.open();
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(values_of(*log, {log->find_topic("t")->id, partition(0)}),
            std::vector<std::string>(60, std::string(5'000, 'b')));
}

TEST_F(Opening, passes_over_an_index_file_of_a_newer_version_and_writes_its_own) {
  Content expected;
  {
    const auto log = machine_.open();
    fill(*log, 60);
    expected = content_of(*log);
  }
  const std::string path = journal + index_files(machine_).front();
  const std::string ours = read_file(machine_.files, path).value();
  std::string newer = ours.substr(0, ours.size() - sizeof(std::uint32_t));
  ++newer[4];
  const std::uint32_t sum = crc32c(newer);
  newer.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  ASSERT_TRUE(write_file_atomically(machine_.files, path, newer));
  EXPECT_TRUE(content_of(*machine_.open()) == expected);
  EXPECT_TRUE(read_file(machine_.files, path).value() == ours);
}

TEST_F(Opening, passes_over_an_index_file_that_contradicts_what_is_known) {
  Content expected;
  {
    const auto log = machine_.open();
    fill(*log, 60);
    expected = content_of(*log);
  }
  using embedded::SegmentIndex;
  const auto largest = [](SegmentIndex& one) -> SegmentIndex::Partition& {
    return *std::max_element(
        one.partitions.begin(), one.partitions.end(),
        [](const auto& a, const auto& b) { return a.entries.size() < b.entries.size(); });
  };
  const std::vector<std::function<void(SegmentIndex&)>> changes{
      [&](SegmentIndex& one) { largest(one).id.topic = TopicId{{99}}; },
      [&](SegmentIndex& one) { largest(one).id.partition = partition(1'000); },
      [&](SegmentIndex& one) { largest(one).id.topic = embedded::positions_topic; },
      [&](SegmentIndex& one) {
        std::swap(largest(one).entries.front(), largest(one).entries.back());
      },
      [&](SegmentIndex& one) { one.partitions.push_back(largest(one)); },
      [&](SegmentIndex& one) { largest(one).entries.back().position = one.end; },
      [&](SegmentIndex& one) { largest(one).entries.front().end = 0; },
      [](SegmentIndex& one) { one.log_id += 1; },
      [](SegmentIndex& one) { one.start += 8; },
      [](SegmentIndex& one) { one.end += 8; },
      [](SegmentIndex& one) { one.previous += 1; }};
  const std::string path = journal + index_files(machine_)[2];
  const std::string ours = read_file(machine_.files, path).value();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE("change " + std::to_string(i));
    SegmentIndex changed = SegmentIndex::decode(ours).value();
    ASSERT_GT(largest(changed).entries.size(), 1U);
    changes[i](changed);
    ASSERT_TRUE(write_file_atomically(machine_.files, path, changed.encode()));
    const auto log = machine_.open();
    ASSERT_NE(log, nullptr);
    EXPECT_TRUE(content_of(*log) == expected);
  }
}

TEST_F(Opening, continues_after_a_death_at_each_step_of_writing_index_files) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  for (const char* point :
       {"index_file.before", "index_file.inside", "index_file.after", "checkpoint.before_write"}) {
    for (int nth = 1; nth <= 3; ++nth) {
      for (const bool power : {false, true}) {
        SCOPED_TRACE(std::string(point) + " " + std::to_string(nth) + (power ? ", power" : ""));
        SimulatedMachine machine;
        SeededRandom random(static_cast<std::uint64_t>(nth));
        auto log = machine.open();
        fill(*log, 60);
        const Content expected = content_of(*log);
        machine.clock.advance_ms(60'000);
        plan(point, point == std::string_view("checkpoint.before_write") ? 1 : nth);
        ASSERT_TRUE(dies(*log, [&] { static_cast<void>(log->maintain()); }));
        if (power) {
          machine.lose_power(random);
        }
        for (int life = 0; life < 2; ++life) {
          log = machine.open();
          ASSERT_NE(log, nullptr);
          EXPECT_TRUE(content_of(*log) == expected);
          const auto names = machine.files.list(journal).value();
          EXPECT_FALSE(std::any_of(names.begin(), names.end(),
                                   [](const std::string& name) { return name.ends_with(".tmp"); }));
          log.reset();
        }
      }
    }
  }
}

TEST_F(Opening, of_a_log_with_damage_in_an_earlier_segment_works_and_its_reader_gets_the_error) {
  std::uint64_t end = 0;
  {
    const auto log = machine_.open();
    const auto topic_partition = topic_at(*log, "t");
    end = put_all(*log, {topic_partition}, std::string(5'000, 'x'))->position.position;
    for (int i = 0; i < 60; ++i) {
      ASSERT_TRUE(put_all(*log, {topic_partition}, std::string(5'000, 'y')));
    }
  }
  const std::string first = journal + "00000000000000000000.journal";
  ASSERT_TRUE(machine_.files.flip_bit(first, end - 100, 1));
  for (const LogAccess access : {LogAccess::read_only, LogAccess::read_write}) {
    const auto log = open_counted(access);
    ASSERT_NE(log, nullptr);
    const TopicPartition topic_partition{log->find_topic("t")->id, partition(0)};
    FetchBuffer buffer;
    const Status damaged = log->fetch(topic_partition, offset(0), 1'000, buffer);
    ASSERT_FALSE(damaged);
    EXPECT_TRUE(damaged.error().is(errc::corrupt)) << damaged.error().to_string();
    EXPECT_THAT(damaged.error().message(), HasSubstr(first));
    EXPECT_TRUE(log->fetch(topic_partition, offset(1), 1'000, buffer))
        << "what is not damaged is read";
    EXPECT_EQ(put_all(*log, {topic_partition}, "more").has_value(),
              access == LogAccess::read_write);
  }
  const auto report = verify_log(SimulatedMachine::directory, machine_.environment);
  ASSERT_TRUE(report && report->corrupt);
  EXPECT_EQ(report->corrupt->file, first);
}

TEST_F(Opening, after_a_repair_takes_nothing_from_index_files_of_what_was_cut) {
  std::vector<std::string> values;
  std::uint64_t cut = 0;
  {
    const auto log = machine_.open();
    const auto partition = topic_at(*log, "t");
    for (int i = 0; i < 60; ++i) {
      values.push_back(std::to_string(i) + std::string(5'000, 'y'));
      const auto committed = put_all(*log, {partition}, values.back());
      if (i == 30) {
        cut = committed->position.position;
      }
    }
  }
  const auto names = machine_.files.list(journal).value();
  std::uint64_t start = 0;
  for (const std::string& name : names) {
    const std::uint64_t found = std::stoull(name);
    start = found < cut ? std::max(start, found) : start;
  }
  const std::string number = std::to_string(start);
  ASSERT_TRUE(machine_.files.flip_bit(
      journal + std::string(20 - number.size(), '0') + number + ".journal", cut - start - 100, 1));
  const auto repaired =
      repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions);
  ASSERT_TRUE(repaired) << repaired.error().to_string();
  ASSERT_GT(repaired->cut_bytes, 0U);
  for (const std::string& name : index_files(machine_)) {
    EXPECT_LT(std::stoull(name), start);
  }
  values.resize(30);
  for (int life = 0; life < 3; ++life) {
    const auto log = machine_.open();
    ASSERT_NE(log, nullptr);
    const auto partition = topic_at(*log, "t");
    EXPECT_TRUE(values_of(*log, partition) == values);
    for (int i = 0; i < 20; ++i) {
      values.push_back("again " + std::to_string(i) + std::string(5'000, 'z'));
      ASSERT_TRUE(put_all(*log, {partition}, values.back()));
    }
  }
  EXPECT_FALSE(verify_log(SimulatedMachine::directory, machine_.environment)->corrupt);
}

}  // namespace
}  // namespace millrace::log
