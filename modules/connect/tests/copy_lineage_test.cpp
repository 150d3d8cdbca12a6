// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "copy/target_writer.hpp"
#include "copy_logs.hpp"
#include "forwarding_log.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/connect/source_reader.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/topic_position.hpp"

// A source that lost what was copied of it.
namespace millrace::connect {
namespace {

namespace fs = std::filesystem;

/// A source that a test makes volatile, or an older build has open.
class OddSource final : public log::ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  log::Lineage lineage() override {
    return without_lineage ? log::Lineage{} : ForwardingLog::lineage();
  }
  Status wait_durable(log::LogPosition position) override {
    awaited = position;
    return durable;
  }

  bool without_lineage = false;
  Status durable;
  log::LogPosition awaited;
};

class CopyLineage : public testing::Test {
 protected:
  void write_some(const std::string& value, int count) {
    for (int i = 0; i < count; ++i)
      write(*source_, "orders", 0, {{i + 1, "k", value, {}}});
  }
  // A log that is open prepares segments: a file may go while it is copied.
  void keep_backup() {
    std::error_code failed = std::make_error_code(std::errc::interrupted);
    for (int tries = 0; failed && tries < 1'000; ++tries) {
      fs::remove_all(backup());
      fs::copy(log(), backup(), fs::copy_options::recursive, failed);
    }
    ASSERT_FALSE(failed) << failed.message();
  }
  void put_back() {
    source_->close();
    fs::remove_all(log());
    fs::copy(backup(), log(), fs::copy_options::recursive);
  }
  // What the map of the target says last of the source.
  std::optional<log::SeenLog> seen() {
    const auto target = target_->tool();
    const auto map = find_copy_map(*target);
    return map && *map ? read_copy_state(*target, **map)->seen : std::nullopt;
  }
  // Writes a step that copies nothing.
  void write_step(log::SeenLog seen) {
    const auto target = target_->tool();
    const auto writer =
        TargetWriter::open(*target, real_clock(), {"file:source", seen}, std::size_t{1} << 20U);
    ASSERT_TRUE(writer) << writer.error().to_string();
    ASSERT_TRUE((*writer)->commit());
  }
  // Copies the six records that the target then has, and is refused after the source was put back
  // and has become longer.
  std::string refused_after_the_backup_was_put_back() {
    EXPECT_EQ(run_.copy(*source_, *target_)->records, 6);
    return refused_after_it_was_put_back();
  }
  std::string refused_after_it_was_put_back() {
    put_back();
    for (int opened = 0; opened < 3; ++opened) {
      write_some("another", 3);
      source_->close();
    }
    const std::vector<Content> before = contents(*target_->tool(), "orders", 0);
    EXPECT_EQ(before.size(), 6U);
    const auto planned = plan_copy(*source_->tool(), target_->tool().get(), run_.request);
    EXPECT_FALSE(planned) << "nothing is refused";
    const auto done = run_.copy(*source_, *target_);
    EXPECT_EQ(contents(*target_->tool(), "orders", 0), before);
    if (planned || done) return "nothing is refused";
    EXPECT_EQ(planned.error().code(), errc::not_ours);
    EXPECT_EQ(done.error().code(), errc::not_ours);
    return done.error().message();
  }
  [[nodiscard]] std::string log() const { return directory_.path() + "/log"; }
  [[nodiscard]] std::string backup() const { return directory_.path() + "/backup"; }

  CopyDirectory directory_;
  std::unique_ptr<CopyLog> source_ = file_copy_log(log());
  std::unique_ptr<CopyLog> target_ = make_copy_log("file");
  CopyRun run_;
};

TEST_F(CopyLineage, of_a_source_that_was_opened_again_goes_on) {
  make_topic(*source_, "orders", "orders");
  for (int opened = 1; opened <= 3; ++opened) {
    write_some("v", 2);
    source_->close();
    const auto done = run_.copy(*source_, *target_);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(done->records, 2);
  }
}

TEST_F(CopyLineage, that_the_source_does_not_know_since_it_was_put_back_is_refused) {
  make_topic(*source_, "orders", "orders");
  write_some("v", 3);
  source_->close();
  keep_backup();
  write_some("v", 3);
  EXPECT_THAT(refused_after_the_backup_was_put_back(),
              testing::HasSubstr("a history that this log does not have"));
}

TEST_F(CopyLineage, of_which_the_source_lost_the_end_is_refused) {
  make_topic(*source_, "orders", "orders");
  write_some("v", 3);
  keep_backup();  // while it is open, and rests
  write_some("v", 3);
  EXPECT_THAT(refused_after_the_backup_was_put_back(),
              testing::HasSubstr("of that history the log holds what was before position"));
}

TEST_F(CopyLineage, that_was_not_known_when_the_source_was_copied_is_refused_too) {
  make_topic(*source_, "orders", "orders");
  write_some("v", 3);
  source_->close();
  keep_backup();
  write_some("v", 3);
  source_->close();
  {
    const auto opened = source_->tool();
    OddSource source(*opened);
    source.without_lineage = true;
    ASSERT_EQ(run_.copy(source, *target_->tool())->records, 6);
    EXPECT_EQ(seen(), (log::SeenLog{{}, opened->committed()}));
  }
  EXPECT_THAT(refused_after_it_was_put_back(), testing::HasSubstr("names no history"));
}

TEST_F(CopyLineage, is_written_when_the_source_is_durable_up_to_it) {
  make_topic(*source_, "orders", "orders");
  write_some("v", 3);
  source_->close();
  const auto opened = source_->tool();
  OddSource source(*opened);
  source.durable = fail(log::errc::failed_sync, "the disk is gone");
  const auto refused = run_.copy(source, *target_->tool());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(log::errc::failed_sync)) << refused.error().to_string();
  EXPECT_EQ(source.awaited, opened->committed());
  EXPECT_EQ(seen(), std::nullopt) << "nothing was copied";
  source.durable = fail(log::errc::read_only, "a reader makes nothing durable");
  EXPECT_EQ(run_.copy(source, *target_->tool())->records, 3);
  EXPECT_EQ(seen(), (log::SeenLog{opened->lineage(), opened->committed()}));
}

TEST_F(CopyLineage, keeps_the_latest_position_of_two_copiers) {
  const log::SeenLog later{{{7}}, {2, 900}};
  write_step(later);
  write_step({{{7}}, {2, 400}});
  EXPECT_EQ(seen(), later) << "the first one copied what lies behind 400";
  write_step({{{8}}, {3, 500}});
  EXPECT_EQ(seen(), later) << "also when the log was opened in between";
  write_step({{{8}}, {3, 900}});
  EXPECT_EQ(seen(), (log::SeenLog{{{8}}, {3, 900}}));
}

// A sink that writes somewhere else keeps its position there.
TEST_F(CopyLineage, in_the_position_of_a_sink_refuses_what_the_source_lost) {
  make_topic(*source_, "orders", "orders");
  write_some("v", 3);
  source_->close();
  keep_backup();
  write_some("v", 3);
  std::string kept;
  {
    const auto log = source_->tool();
    const log::Topic orders = log->find_topic("orders").value();
    const log::TopicPartition first{orders.id, log::partition(0)};
    SourceReader reader(*log, {{0, first, log::offset(0), log->end_offset(first).value()}}, 1U);
    std::vector<log::Offset> next(2, log::offset(0));
    for (auto item = reader.next(); item.value().record != nullptr; item = reader.next())
      next[0] = item->record->offset.next();
    EXPECT_EQ(next[0], log::offset(6));
    kept = log::position_in(*log, orders, next).to_text();
    EXPECT_TRUE(log::check_position(*log, orders, *log::TopicPosition::from_text(kept)));
  }
  put_back();
  for (int opened = 0; opened < 3; ++opened) {
    write_some("another", 3);
    source_->close();
  }
  const auto log = source_->tool();
  const Status refused = log::check_position(*log, log->find_topic("orders").value(),
                                             *log::TopicPosition::from_text(kept));
  ASSERT_FALSE(refused) << "it would pass over three records";
  EXPECT_TRUE(refused.error().is(log::errc::unknown_lineage)) << refused.error().to_string();
}

}  // namespace
}  // namespace millrace::connect
