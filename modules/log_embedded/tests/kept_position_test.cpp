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
  LogOptions reading = options_of("", "reader");
  reading.access = LogAccess::read_only;
  auto reader = machine_.open(reading);
  const std::string kept = read_all(*reader);
  EXPECT_TRUE(continues(*reader, kept, {}));
  reader.reset();
  log = machine_.open();
  append(*log, 5);
  EXPECT_TRUE(continues(*log, kept, {}));
}

}  // namespace
}  // namespace millrace::log
