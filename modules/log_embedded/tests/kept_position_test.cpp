// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "log_lineage.hpp"
#include "millrace/log/record_reader.hpp"
#include "millrace/log/topic_position.hpp"

// A position that a reader keeps outside of an embedded log is refused when the log lost what was
// read, on a simulated machine.
namespace millrace::log {
namespace {

class KeptPosition : public LogLineage {
 protected:
  /// What a reader keeps that has read the whole topic, as text.
  std::string read_all(Log& log) {
    const Topic topic = log.find_topic("t").value();
    RecordReader reader(log, {{{topic.id, partition(0)}, offset(0), std::nullopt}});
    while (reader.next().value() == ReadOutcome::record) {
    }
    return position_in(log, topic, {reader.position(0)}).to_text();
  }
  std::unique_ptr<Log> open_reader() {
    LogOptions reading = options_of("", "reader");
    reading.access = LogAccess::read_only;
    return machine_.open(reading);
  }
  /// What a reader keeps at an offset, by what its handle says.
  static std::string keep_at(Log& log, const Topic& topic, std::int64_t next) {
    return position_in(log, topic, {offset(next)}).to_text();
  }
  /// Whether the position is still one of the log; else the code must be the given one.
  static bool continues(Log& log, const std::string& kept, ErrorCode otherwise) {
    const auto position = TopicPosition::from_text(kept);
    EXPECT_TRUE(position) << position.error().to_string();
    const Topic topic = log.find_topic("t").value();
    const Status checked = check_position(log, topic, *position);
    EXPECT_TRUE(checked || checked.error().is(otherwise)) << checked.error().to_string();
    // Its offset alone does not tell.
    EXPECT_LE(position->offsets[0], log.end_offset({topic.id, partition(0)}).value());
    return checked.has_value();
  }
};

TEST_F(KeptPosition, is_refused_for_ever_by_a_log_that_was_put_back_below_it) {
  auto log = machine_.open();
  append(*log, 5);
  const std::string before = read_all(*log);
  log.reset();
  const auto backup = files_below(SimulatedMachine::directory);
  log = machine_.open();
  append(*log, 2);
  const std::string after = read_all(*log);
  EXPECT_TRUE(continues(*log, after, {}));
  log.reset();
  put_back(backup);
  for (int opened = 0; opened < 4; ++opened) {
    log = machine_.open();
    append(*log, 10);
    EXPECT_TRUE(continues(*log, before, {}));
    EXPECT_FALSE(continues(*log, after, errc::unknown_lineage)) << opened;
    log.reset();
  }
}

TEST_F(KeptPosition, of_the_lineage_of_the_backup_is_refused_above_it) {
  auto log = machine_.open();
  append(*log, 5);
  const std::string before = read_all(*log);
  const auto backup = files_below(SimulatedMachine::directory);
  append(*log, 2);
  const std::string after = read_all(*log);
  log.reset();
  put_back(backup);
  log = machine_.open();
  append(*log, 10);
  EXPECT_TRUE(continues(*log, before, {}));
  EXPECT_FALSE(continues(*log, after, errc::out_of_range));
}

TEST_F(KeptPosition, survives_a_loss_of_power_once_the_log_is_durable_up_to_it) {
  auto log = machine_.open();
  append(*log, 5);
  ASSERT_TRUE(put_all(*log, {topic_at(*log, "t")}, "v"));
  const std::string durable = read_all(*log);
  ASSERT_TRUE(log->wait_durable(TopicPosition::from_text(durable)->seen.position));
  ASSERT_TRUE(put_all(*log, {topic_at(*log, "t")}, "lost"));
  const std::string lost = read_all(*log);
  machine_.files.lose_power();
  machine_.regions.lose_power();
  log.reset();
  log = machine_.open();
  append(*log, 10);
  EXPECT_TRUE(continues(*log, durable, {}));
  EXPECT_FALSE(continues(*log, lost, errc::out_of_range));
}

TEST_F(KeptPosition, is_refused_for_a_topic_that_was_created_again) {
  const auto log = machine_.open();
  append(*log, 5);
  const std::string kept = read_all(*log);
  ASSERT_TRUE(log->delete_topic(topic_at(*log, "t").topic));
  append(*log, 10);
  EXPECT_FALSE(continues(*log, kept, errc::topic_replaced));
}

TEST_F(KeptPosition, of_those_who_only_read_is_that_of_the_log) {
  auto log = machine_.open();
  append(*log, 5);
  log.reset();
  auto reader = open_reader();
  const std::string kept = read_all(*reader);
  EXPECT_TRUE(continues(*reader, kept, {}));
  reader.reset();
  log = machine_.open();
  append(*log, 5);
  EXPECT_TRUE(continues(*log, kept, {}));
}

TEST_F(KeptPosition, of_a_handle_under_which_the_log_was_put_back_is_refused) {
  for (const bool looks : {false, true}) {
    auto log = machine_.open();
    append(*log, 6);
    const auto backup = files_below(SimulatedMachine::directory);
    append(*log, 4);
    const auto reader = open_reader();
    const Topic topic = reader->find_topic("t").value();
    const std::int64_t end = reader->end_offset({topic.id, partition(0)}).value().value;
    log.reset();
    put_back(backup);
    log = machine_.open();
    append(*log, 20);
    if (looks) {
      const auto refused = reader->find_topic("t");
      ASSERT_FALSE(refused);
      EXPECT_TRUE(refused.error().is(errc::closed)) << refused.error().to_string();
    }
    const std::string kept = keep_at(*reader, topic, end);
    EXPECT_FALSE(continues(*log, kept, errc::out_of_range)) << "records would be passed over";
  }
}

TEST_F(KeptPosition, of_a_handle_under_which_the_log_was_repaired_is_refused) {
  auto log = machine_.open();
  append(*log, 6);
  const std::uint64_t cut = log->committed().position;
  append(*log, 4);
  log.reset();
  const auto reader = open_reader();
  const Topic topic = reader->find_topic("t").value();
  const std::int64_t end = reader->end_offset({topic.id, partition(0)}).value().value;
  const std::string journal =
      std::string(SimulatedMachine::directory) + "/journal/" + std::string(20, '0') + ".journal";
  ASSERT_TRUE(machine_.files.flip_bit(journal, cut + 100, 3));
  ASSERT_TRUE(
      repair_log(SimulatedMachine::directory, machine_.environment, false, machine_.regions));
  log = machine_.open();
  append(*log, 20);
  const std::string kept = keep_at(*reader, topic, end);
  EXPECT_FALSE(continues(*log, kept, errc::out_of_range)) << "records would be passed over";
}

TEST_F(KeptPosition, of_a_handle_that_follows_through_openings_stays_good) {
  auto log = machine_.open();
  append(*log, 2);
  const auto reader = open_reader();
  const Topic topic = reader->find_topic("t").value();
  for (int opened = 0; opened < 4; ++opened) {
    log.reset();
    log = machine_.open();
    if (opened % 2 == 0) {
      append(*log, 3);
    }
    EXPECT_EQ(reader->lineage(), log->lineage()) << opened;
    const std::int64_t end = reader->end_offset({topic.id, partition(0)}).value().value;
    EXPECT_TRUE(continues(*log, keep_at(*reader, topic, end), {})) << opened;
    log.reset();
    log = machine_.open();
    append(*log, 1);
    ASSERT_TRUE(reader->find_topic("t")) << "nobody asked for the lineage in between";
  }
}

}  // namespace
}  // namespace millrace::log
