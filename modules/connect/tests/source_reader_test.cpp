// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/connect/source_reader.hpp"

#include <gtest/gtest.h>

#include "copy_logs.hpp"

namespace millrace::connect {
namespace {

constexpr std::size_t buffers = 1U << 20U;

class SourceReading : public testing::TestWithParam<const char*> {
 protected:
  SourceReading() { make_topic(*log, "orders", "orders", 2); }

  void commit(std::int32_t partition, std::int64_t time_ms, const std::string& value) {
    write(*log, "orders", partition, {{time_ms, "k", value, {}}});
  }
  SourceReader::Part part(std::int32_t partition) {
    const log::TopicPartition source{reading->find_topic("orders")->id, log::partition(partition)};
    return {static_cast<std::size_t>(partition), source, *reading->start_offset(source),
            *reading->end_offset(source)};
  }
  // The values of all records, and how far the position of each partition moved.
  std::vector<std::string> read(const std::vector<SourceReader::Part>& parts) {
    moved.assign(2, 0);
    std::vector<std::string> values;
    SourceReader reader(*reading, parts, buffers);
    while (true) {
      const auto item = reader.next();
      EXPECT_TRUE(item) << item.error().to_string();
      if (!item || item->record == nullptr) return values;
      values.emplace_back(item->record->value.value());
      moved[item->partition] += item->offsets;
      position = item->record->offset.next();
    }
  }

  std::unique_ptr<CopyLog> log = make_copy_log(GetParam());
  std::unique_ptr<log::Log> reading = log->tool();
  std::vector<std::int64_t> moved;
  log::Offset position;
};
INSTANTIATE_TEST_SUITE_P(Logs, SourceReading, testing::Values("file", "sparse"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_P(SourceReading, gives_the_records_of_all_partitions_in_one_order) {
  // By commit, or by time where the log has no order of commits.
  commit(0, 1, "a");
  commit(1, 2, "b");
  commit(0, 3, "c");
  commit(1, 4, "d");
  EXPECT_EQ(read({part(0), part(1)}), (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST_P(SourceReading, moves_the_position_over_gaps_up_to_the_last_record) {
  for (const char* value : {"a", "b", "c"})
    commit(0, 1, value);
  const SourceReader::Part all = part(0);
  EXPECT_EQ(read({all}), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(moved[0], position.value - all.from.value);
}

TEST_P(SourceReading, continues_at_a_position_and_reads_no_further_than_the_end) {
  for (const char* value : {"a", "b", "c"})
    commit(0, 1, value);
  SourceReader::Part some = part(0);
  some.from = nth(*reading, "orders", 0, 1);
  some.end = nth(*reading, "orders", 0, 2);
  EXPECT_EQ(read({some}), (std::vector<std::string>{"b"}));
  some.from = position;
  some.end = part(0).end;
  EXPECT_EQ(read({some}), (std::vector<std::string>{"c"}));
  some.from = position;
  EXPECT_EQ(read({some}), std::vector<std::string>());
}

}  // namespace
}  // namespace millrace::connect
