// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "history.hpp"

#include <gmock/gmock.h>

// Each anomaly is found, and nothing else.
namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

constexpr TopicPartition part_a{{{1}}, {{0}}};
constexpr TopicPartition part_b{{{1}}, {{1}}};

HistoryRecord record_a(std::int64_t at, std::int64_t value) { return {part_a, offset(at), value}; }
HistoryRecord record_b(std::int64_t at, std::int64_t value) { return {part_b, offset(at), value}; }

class HistoryAnomalies : public testing::Test {
 protected:
  HistoryAnomalies() {
    history_.add_commit(1, Outcome::committed, {record_a(0, 10), record_b(0, 11)});
    history_.add_commit(2, Outcome::committed, {record_a(0, 20), record_b(0, 21)});
    history_.add_commit(2, Outcome::unknown, {record_a(0, 30), record_b(0, 31)});
    history_.add_commit(1, Outcome::refused, {record_a(0, 40)});
  }
  std::vector<std::string> found(bool ordered = true) {
    return history_.anomalies(whole_, ordered);
  }

  History history_;
  // With gaps, as transactions leave them on Kafka.
  std::vector<HistoryRecord> whole_{record_a(0, 10), record_a(2, 20), record_b(0, 11),
                                    record_b(3, 21)};
};

TEST_F(HistoryAnomalies, there_are_none_in_what_a_log_may_do) {
  history_.add_read(1, {record_a(0, 10), record_b(0, 11), record_a(2, 20)});
  history_.add_read(2, {record_b(3, 21)});
  EXPECT_THAT(found(), IsEmpty());
  whole_.push_back(record_a(5, 30));
  whole_.push_back(record_b(5, 31));
  EXPECT_THAT(found(), IsEmpty()) << "nobody knows of the third commit";
}

TEST_F(HistoryAnomalies, a_lost_write) {
  whole_ = {record_a(0, 10), record_a(2, 20), record_b(0, 11)};
  EXPECT_THAT(found(), ElementsAre(StartsWith("a write was lost: 21")));
}

TEST_F(HistoryAnomalies, a_part_of_a_commit) {
  whole_.push_back(record_a(5, 30));
  EXPECT_THAT(found(), ElementsAre(StartsWith("a part of a commit: 31")));
}

TEST_F(HistoryAnomalies, a_duplicate) {
  whole_.push_back(record_a(5, 20));
  EXPECT_THAT(found(false), ElementsAre(StartsWith("a duplicate: value 20 at offset 5")));
}

TEST_F(HistoryAnomalies, an_offset_that_comes_again) {
  whole_ = {record_a(0, 10), record_a(0, 20), record_b(0, 11), record_b(3, 21)};
  EXPECT_THAT(found(), ElementsAre(StartsWith("an offset comes again: value 20")));
}

TEST_F(HistoryAnomalies, a_record_of_a_refused_commit) {
  whole_.push_back(record_a(5, 40));
  EXPECT_THAT(found(), ElementsAre(StartsWith("a record of a refused commit: value 40")));
}

TEST_F(HistoryAnomalies, a_record_that_nobody_wrote_or_in_another_partition) {
  whole_.push_back(record_a(5, 99));
  whole_.push_back(record_a(6, 31));
  whole_.push_back(record_b(6, 30));
  EXPECT_THAT(found(false), ElementsAre(StartsWith("nobody wrote: value 99"),
                                        StartsWith("a record in another partition: value 31"),
                                        StartsWith("a record in another partition: value 30")));
}

TEST_F(HistoryAnomalies, a_record_that_was_read_is_gone) {
  history_.add_read(1, {record_a(5, 30)});
  EXPECT_THAT(found(), ElementsAre(StartsWith("a record that was read is gone: value 30")));
}

TEST_F(HistoryAnomalies, two_values_at_one_offset) {
  history_.add_read(1, {record_a(2, 30)});
  EXPECT_THAT(found(), ElementsAre(StartsWith("two values at one offset: value 30")));
}

TEST_F(HistoryAnomalies, a_reader_that_goes_back_or_passes_over_a_record) {
  history_.add_read(1, {record_a(0, 10), record_b(0, 11), record_a(2, 20), record_a(2, 20)});
  EXPECT_THAT(found(), ElementsAre(StartsWith("a reader went back: value 20")));
  whole_.insert(whole_.begin() + 1, record_a(1, 30));
  whole_.push_back(record_b(5, 31));
  EXPECT_THAT(found(false), ElementsAre(StartsWith("a reader passed over: value 30"),
                                        StartsWith("a reader went back: value 20"),
                                        StartsWith("a client's writes changed their order: 30")));
}

TEST_F(HistoryAnomalies, a_cycle_of_commits) {
  whole_ = {record_a(0, 10), record_a(2, 20), record_b(0, 21), record_b(3, 11)};
  EXPECT_THAT(found(), ElementsAre(StartsWith("a cycle of commits: 2")));
  EXPECT_THAT(found(false), IsEmpty()) << "no log promises that on Kafka";
}

}  // namespace
}  // namespace millrace::log
