// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/topic_position.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "forwarding_log.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/base/text.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/memory_log.hpp"

// Positions that programs keep outside of a log.
namespace millrace::log {
namespace {

using testing::HasSubstr;

/// A log with the name and the history that a test gives it.
class NamedLog final : public ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  std::string identity() override { return name; }
  Lineage lineage() override { return lineage_now; }
  LogPosition committed() override {
    // As when another process opens the log and commits between two calls.
    if (lineage_next != Lineage{}) {
      lineage_now = lineage_next;
      lineage_next = {};
      end.position += 100;
    }
    return end;
  }
  Status check_past(Lineage lineage, LogPosition position) override {
    if (lineage != lineage_now) return fail(errc::unknown_lineage, "not known");
    if (position.is_beyond(end)) return fail(errc::out_of_range, "beyond the end");
    return {};
  }

  std::string name = "file:5f0c1d9e33a1b2c4";
  Lineage lineage_now{{0xab}};
  Lineage lineage_next;
  LogPosition end{2, 4096};
};

class TopicPositions : public testing::Test {
 protected:
  [[nodiscard]] TopicPosition position() {
    return position_in(log_, topic_, {offset(7), offset(0)});
  }
  [[nodiscard]] ErrorCode refusal(const TopicPosition& position) {
    const Status checked = check_position(log_, topic_, position);
    EXPECT_FALSE(checked);
    if (checked) return {"none"};
    EXPECT_THAT(checked.error().message(), HasSubstr("orders"));
    return checked.error().code();
  }
  static std::string with_checksum(const std::string& text) {
    return text + " " + hex_number(crc32c(text)).substr(8);
  }

  ManualClock clock_;
  MemoryBroker broker_{clock_, true};
  std::unique_ptr<Log> memory_ = broker_.connect({.service = "shop", .member = ""});
  NamedLog log_{*memory_};
  Topic topic_ = memory_->create_topic({"orders", 2, TopicKind::events, "shop"}).value();
};

TEST_F(TopicPositions, are_read_back_from_their_text) {
  const std::string text = position().to_text();
  EXPECT_EQ(text, with_checksum("millrace-position 1 file:5f0c1d9e33a1b2c4 00000000000000ab 2 4096 "
                                "orders " +
                                std::to_string(topic_.id.value + 1) + " 7,0"));
  const auto back = TopicPosition::from_text(text);
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(*back, position());
  EXPECT_TRUE(check_position(log_, topic_, *back));
  TopicPosition named = position();
  named.log = "kafka/a b/50%\n\xff/";
  named.offsets = {offset(9'223'372'036'854'775'807)};
  const auto odd = TopicPosition::from_text(named.to_text());
  ASSERT_TRUE(odd) << odd.error().to_string();
  EXPECT_EQ(*odd, named);
}

TEST_F(TopicPositions, that_are_damaged_are_refused) {
  const std::string text = position().to_text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = damaged[i] == '1' ? '2' : '1';
    for (const std::string& bad : {damaged, text.substr(0, i)}) {
      const auto read = TopicPosition::from_text(bad);
      ASSERT_FALSE(read) << bad;
      EXPECT_TRUE(read.error().is(millrace::errc::invalid_argument)) << read.error().to_string();
    }
  }
  const std::string head = "millrace-position 1 a 0 0 0 t 1";
  ASSERT_TRUE(TopicPosition::from_text(with_checksum(head + " 5")));
  for (const char* const bad : {"", " ", " -1", " 1,,2", " x", " 5 6 7"}) {
    EXPECT_FALSE(TopicPosition::from_text(with_checksum(head + bad))) << bad;
  }
  EXPECT_FALSE(TopicPosition::from_text(with_checksum("millrace-position 0 a 0 0 0 t 1 5")));
}

TEST_F(TopicPositions, of_a_newer_build_are_refused_by_name) {
  const auto newer = TopicPosition::from_text(with_checksum("millrace-position 2 more"));
  ASSERT_FALSE(newer);
  EXPECT_TRUE(newer.error().is(errc::incompatible)) << newer.error().to_string();
  EXPECT_THAT(newer.error().message(), HasSubstr("the position of a topic has version 2"));
}

TEST_F(TopicPositions, of_another_log_history_or_topic_are_refused) {
  const TopicPosition kept = position();
  EXPECT_TRUE(check_position(log_, topic_, kept));
  log_.end.position = 4095;
  EXPECT_EQ(refusal(kept), errc::out_of_range);
  log_.end.position = 9000;
  EXPECT_TRUE(check_position(log_, topic_, kept));
  log_.lineage_now.value = 0xcd;
  EXPECT_EQ(refusal(kept), errc::unknown_lineage) << "the log has outgrown it";
  log_.lineage_now.value = 0xab;
  log_.name = "file:another";
  EXPECT_EQ(refusal(kept), errc::unknown_lineage);
  log_.name = kept.log;
  TopicPosition of_another = kept;
  of_another.topic = "orders.old";
  EXPECT_EQ(refusal(of_another), millrace::errc::invalid_argument);
  TopicPosition of_more = kept;
  of_more.offsets.push_back(offset(1));
  EXPECT_EQ(refusal(of_more), errc::topic_replaced) << "a topic never gets fewer partitions";
  ASSERT_TRUE(memory_->delete_topic(topic_.id));
  topic_ = memory_->create_topic(topic_.spec).value();
  EXPECT_EQ(refusal(kept), errc::topic_replaced);
  EXPECT_TRUE(check_position(log_, topic_, position()));
}

TEST_F(TopicPositions, stay_good_when_the_topic_gets_more_partitions) {
  const TopicPosition kept = position();
  topic_ = memory_->add_partitions(topic_.id, 3).value();
  EXPECT_TRUE(check_position(log_, topic_, kept));
}

TEST_F(TopicPositions, name_no_commit_of_a_history_that_began_meanwhile) {
  log_.lineage_next.value = 0xcd;
  EXPECT_EQ(see_log(log_), (SeenLog{{{0xcd}}, {2, 4196}}));
}

}  // namespace
}  // namespace millrace::log
