// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>
#include <string>
#include <vector>

#include "millrace/log/errors.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/service/edge_writer.hpp"

namespace millrace::service {
namespace {

class Edge : public testing::Test {
 protected:
  Edge() : broker_(real_clock(), false), log_(broker_.connect({.service = "shop", .member = ""})) {
    topic_ = *log_->create_topic({"requests", 1, log::TopicKind::events, "shop"});
  }

  [[nodiscard]] log::TopicPartition partition() const { return {topic_.id, log::partition(0)}; }
  static log::Record record(std::string_view key) { return {1, key, "value", {}}; }
  std::size_t records_in_the_log() {
    log::FetchBuffer buffer;
    EXPECT_TRUE(log_->fetch(partition(), log::offset(0), 1U << 20U, buffer));
    return buffer.records.size();
  }

  log::MemoryBroker broker_;
  std::unique_ptr<log::Log> log_;
  log::Topic topic_;
  SeededRandom random_{1};
};

TEST_F(Edge, an_appended_record_is_in_the_log_when_done_is_called) {
  EdgeWriter writer(*log_, real_clock(), random_, 1U << 20U);
  std::promise<std::size_t> seen;
  ASSERT_TRUE(writer.records().append(partition(), record("a"),
                                      [&](const Result<log::LogPosition>& outcome) {
                                        EXPECT_TRUE(outcome);
                                        seen.set_value(records_in_the_log());
                                      }));
  EXPECT_EQ(seen.get_future().get(), 1U);
}

TEST_F(Edge, everything_that_was_taken_is_committed_before_the_writer_is_gone) {
  std::atomic<int> done{0};
  {
    EdgeWriter writer(*log_, real_clock(), random_, 1U << 20U);
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(writer.records().append(
          partition(), record(std::to_string(i)),
          [&](const Result<log::LogPosition>& outcome) { done += outcome ? 1 : 0; }));
    }
  }
  EXPECT_EQ(done, 100);
  EXPECT_EQ(records_in_the_log(), 100U);
}

TEST_F(Edge, a_refused_commit_is_reported_to_each_of_its_records) {
  broker_.fail_commits(log::errc::disk_full, 1000);
  std::atomic<int> refused{0};
  {
    EdgeWriter writer(*log_, real_clock(), random_, 1U << 20U);
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(writer.records().append(
          partition(), record("k"), [&](const Result<log::LogPosition>& outcome) {
            if (!outcome && outcome.error().is(log::errc::disk_full)) ++refused;
          }));
    }
  }
  EXPECT_EQ(refused, 10);
  EXPECT_EQ(records_in_the_log(), 0U);
}

TEST_F(Edge, a_record_above_the_limit_is_refused_alone) {
  EdgeWriter writer(*log_, real_clock(), random_, 4U << 20U);
  const std::string big(2U << 20U, 'x');
  const Status refused = writer.records().append(
      partition(), {1, "k", big, {}},
      [](const Result<log::LogPosition>&) { FAIL() << "it was not taken"; });
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(log::errc::too_large));
}

TEST_F(Edge, what_is_taken_is_never_refused_by_the_log_for_its_size) {
  const std::size_t limit = log_->options().max_record_bytes;
  log::HeadersBuilder headers;
  headers.add("ce_id", "1");
  std::atomic<int> refused_later{0};
  int taken = 0;
  int refused = 0;
  {
    EdgeWriter writer(*log_, real_clock(), random_, 256U << 20U);
    for (std::size_t bytes = limit - 60; bytes <= limit; ++bytes) {
      const std::string value(bytes, 'x');
      const Status status =
          writer.records().append(partition(), {1, "k", std::string_view(value), headers.view()},
                                  [&](const Result<log::LogPosition>& outcome) {
                                    if (!outcome) ++refused_later;
                                  });
      status ? ++taken : ++refused;
    }
  }
  EXPECT_EQ(refused_later, 0);
  EXPECT_GT(taken, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(Edge, a_commit_that_the_log_finds_too_large_costs_only_the_record_that_is) {
  // A limit that no rule of a single record knows of, such as a broker's.
  const auto narrow =
      broker_.connect({.service = "shop", .member = "", .max_transaction_bytes = 4'000});
  std::promise<void> begun;
  std::promise<void> may_continue;
  std::vector<std::string> committed;
  std::vector<std::string> refused;
  {
    EdgeWriter writer(*narrow, real_clock(), random_, 1U << 20U);
    ASSERT_TRUE(
        writer.records().append(partition(), record("first"), [&](const Result<log::LogPosition>&) {
          begun.set_value();
          may_continue.get_future().wait();
        }));
    begun.get_future().wait();
    for (int i = 0; i < 10; ++i) {
      const std::string key = std::to_string(i);
      const std::string value(i == 5 ? 5'000 : 1'000, 'x');
      ASSERT_TRUE(writer.records().append(partition(), {1, key, std::string_view(value), {}},
                                          [&, key](const Result<log::LogPosition>& outcome) {
                                            (outcome ? committed : refused).push_back(key);
                                          }));
    }
    may_continue.set_value();
  }
  EXPECT_THAT(committed, testing::ElementsAre("0", "1", "2", "3", "4", "6", "7", "8", "9"));
  EXPECT_THAT(refused, testing::ElementsAre("5"));
  EXPECT_EQ(records_in_the_log(), 10U);
}

TEST_F(Edge, a_record_of_a_time_to_come_is_refused_alone) {
  std::promise<void> begun;
  std::promise<void> proceed;
  std::vector<std::string> committed;
  std::vector<std::string> refused;
  {
    EdgeWriter writer(*log_, real_clock(), random_, 1U << 20U);
    ASSERT_TRUE(
        writer.records().append(partition(), record("first"), [&](const Result<log::LogPosition>&) {
          begun.set_value();
          proceed.get_future().wait();
        }));
    begun.get_future().wait();
    for (int i = 0; i < 5; ++i) {
      const std::string key = std::to_string(i);
      const std::int64_t year_9999 = 253'402'300'799'999;
      ASSERT_TRUE(writer.records().append(partition(), {i == 2 ? year_9999 : 1, key, "value", {}},
                                          [&, key](const Result<log::LogPosition>& outcome) {
                                            (outcome ? committed : refused).push_back(key);
                                            if (outcome) return;
                                            EXPECT_TRUE(
                                                outcome.error().is(log::errc::time_out_of_bounds));
                                          }));
    }
    proceed.set_value();
  }
  EXPECT_THAT(committed, testing::ElementsAre("0", "1", "3", "4"));
  EXPECT_THAT(refused, testing::ElementsAre("2"));
}

TEST_F(Edge, a_record_for_a_topic_that_was_deleted_is_refused_alone) {
  const auto gone = log_->create_topic({"gone", 1, log::TopicKind::events, "shop"});
  ASSERT_TRUE(gone) << gone.error().to_string();
  ASSERT_TRUE(log_->delete_topic(gone->id));
  std::promise<void> begun;
  std::promise<void> proceed;
  std::vector<std::string> committed;
  std::vector<std::string> refused;
  {
    EdgeWriter writer(*log_, real_clock(), random_, 1U << 20U);
    ASSERT_TRUE(
        writer.records().append(partition(), record("first"), [&](const Result<log::LogPosition>&) {
          begun.set_value();
          proceed.get_future().wait();
        }));
    begun.get_future().wait();
    for (int i = 0; i < 5; ++i) {
      const std::string key = std::to_string(i);
      const log::TopicPartition to =
          i == 2 ? log::TopicPartition{gone->id, log::partition(0)} : partition();
      ASSERT_TRUE(writer.records().append(
          to, {1, key, "value", {}}, [&, key](const Result<log::LogPosition>& outcome) {
            (outcome ? committed : refused).push_back(key);
            if (outcome) return;
            EXPECT_TRUE(outcome.error().is(log::errc::topic_replaced));
          }));
    }
    proceed.set_value();
  }
  EXPECT_THAT(committed, testing::ElementsAre("0", "1", "3", "4"));
  EXPECT_THAT(refused, testing::ElementsAre("2"));
}

TEST_F(Edge, a_refused_record_costs_the_others_few_commits) {
  constexpr int records = 256;
  std::promise<void> begun;
  std::promise<void> proceed;
  std::set<std::uint64_t> commits;
  std::vector<std::string> outcomes;
  std::vector<std::string> expected;
  {
    EdgeWriter writer(*log_, real_clock(), random_, 1U << 20U);
    ASSERT_TRUE(
        writer.records().append(partition(), record("first"), [&](const Result<log::LogPosition>&) {
          begun.set_value();
          proceed.get_future().wait();
        }));
    begun.get_future().wait();
    for (int i = 0; i < records; ++i) {
      const std::string key = std::to_string(i);
      const std::int64_t year_9999 = 253'402'300'799'999;
      const bool wrong = i == 100;
      expected.push_back(key + (wrong ? " refused" : " committed"));
      ASSERT_TRUE(writer.records().append(partition(), {wrong ? year_9999 : 1, key, "value", {}},
                                          [&, key](const Result<log::LogPosition>& outcome) {
                                            outcomes.push_back(
                                                key + (outcome ? " committed" : " refused"));
                                            if (outcome) commits.insert(outcome->position);
                                          }));
    }
    proceed.set_value();
  }
  EXPECT_EQ(outcomes, expected);
  EXPECT_EQ(records_in_the_log(), 256U);
  // Halves of halves: as many as 256 has bits.
  EXPECT_LE(commits.size(), 8U);
}

TEST_F(Edge, too_much_waiting_is_refused_as_busy_and_nothing_of_it_is_taken) {
  std::promise<void> begun;
  std::promise<void> may_continue;
  EdgeWriter writer(*log_, real_clock(), random_, 64);
  ASSERT_TRUE(
      writer.records().append(partition(), record("first"), [&](const Result<log::LogPosition>&) {
        begun.set_value();
        may_continue.get_future().wait();
      }));
  begun.get_future().wait();
  int taken = 1;
  Status status;
  while ((status = writer.records().append(partition(), record("more"),
                                           [](const Result<log::LogPosition>&) {})))
    ++taken;
  EXPECT_TRUE(status.error().is(millrace::errc::busy));
  EXPECT_LT(taken, 10);
  may_continue.set_value();
}

TEST_F(Edge, more_than_one_commit_takes_waits_for_the_next_ones_in_order) {
  std::promise<void> begun;
  std::promise<void> may_continue;
  std::vector<std::uint64_t> positions;
  const std::string value(300'000, 'x');
  {
    EdgeWriter writer(*log_, real_clock(), random_, 16U << 20U);
    ASSERT_TRUE(
        writer.records().append(partition(), record("first"), [&](const Result<log::LogPosition>&) {
          begun.set_value();
          may_continue.get_future().wait();
        }));
    begun.get_future().wait();
    // 6 MB, of which a transaction takes 4.
    for (int i = 0; i < 20; ++i) {
      const std::string key = std::to_string(i);
      ASSERT_TRUE(writer.records().append(partition(), {1, key, value, {}},
                                          [&](const Result<log::LogPosition>& outcome) {
                                            ASSERT_TRUE(outcome) << outcome.error().to_string();
                                            positions.push_back(outcome->position);
                                          }));
    }
    may_continue.set_value();
  }
  EXPECT_EQ(positions.size(), 20U);
  log::FetchBuffer buffer;
  std::vector<std::string> keys;
  for (auto next = log::offset(0); keys.size() < 21; next = buffer.next) {
    ASSERT_TRUE(log_->fetch(partition(), next, 1U << 20U, buffer));
    ASSERT_FALSE(buffer.records.empty());
    for (const auto& one : buffer.records)
      keys.emplace_back(one.key.value_or(""));
  }
  EXPECT_EQ(keys[1], "0");
  for (std::size_t i = 1; i < keys.size(); ++i)
    EXPECT_EQ(keys[i], std::to_string(i - 1));
}

}  // namespace
}  // namespace millrace::service
