// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <vector>

#include "catalog.hpp"
#include "checkpoint.hpp"
#include "lineages.hpp"
#include "millrace/base/byte_writer.hpp"
#include "millrace/base/endian.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/log/errors.hpp"

// The list of the histories that a log had.
namespace millrace::log {
namespace {

using embedded::Lineages;
using testing::HasSubstr;

constexpr std::uint64_t id_of_log = 7;

/// With the ids 11, 12, 13 and so on.
Lineages lineages_from(const std::vector<std::uint64_t>& begins) {
  std::uint64_t id = 10;
  Lineages lineages;
  for (const std::uint64_t begin : begins) {
    lineages.begin(++id, begin);
  }
  return lineages;
}

bool is_past(const Lineages& lineages, std::uint64_t id, std::uint64_t position) {
  return lineages.check_past(Lineage{{id}}, {1, position}, {9, 1'000}).has_value();
}

TEST(Lineages, reach_up_to_the_lowest_position_at_which_a_later_one_began) {
  // The last one after a cut below the beginning of the second one.
  const Lineages lineages = lineages_from({0, 300, 500, 200});
  EXPECT_EQ(lineages.current(), Lineage{{14}});
  EXPECT_TRUE(is_past(lineages, 11, 200));
  EXPECT_FALSE(is_past(lineages, 11, 201));
  EXPECT_FALSE(is_past(lineages, 12, 300));
  EXPECT_FALSE(is_past(lineages, 13, 600));
  EXPECT_TRUE(is_past(lineages, 14, 1'000));
  EXPECT_FALSE(is_past(lineages, 14, 1'001)) << "beyond the end";
  EXPECT_TRUE(lineages.check_past(Lineage{{14}}, {10, 1'000}, {9, 1'000}))
      << "those who only read may not know the number of the opening";
  const Status lost = lineages.check_past(Lineage{{11}}, {1, 201}, {9, 1'000});
  EXPECT_TRUE(lost.error().is(errc::out_of_range)) << lost.error().to_string();
  const Status unknown = lineages.check_past(Lineage{{15}}, {1, 1}, {9, 1'000});
  ASSERT_FALSE(unknown) << "of another history";
  EXPECT_TRUE(unknown.error().is(errc::unknown_lineage)) << unknown.error().to_string();
}

TEST(Lineages, that_nobody_named_count_up_to_the_lowest_beginning) {
  EXPECT_TRUE(is_past({}, 0, 1'000)) << "an older build opened the log";
  EXPECT_FALSE(is_past({}, 0, 1'001));
  const Status lost = Lineages().check_past({}, {10, 1}, {9, 1'000});
  ASSERT_FALSE(lost) << "of a later opening";
  EXPECT_TRUE(lost.error().is(errc::out_of_range)) << lost.error().to_string();
  const Status unknown = lineages_from({300}).check_past({}, {1, 301}, {9, 1'000});
  ASSERT_FALSE(unknown);
  EXPECT_TRUE(unknown.error().is(errc::unknown_lineage)) << unknown.error().to_string();
  EXPECT_TRUE(is_past(lineages_from({300}), 0, 300)) << "an older build saw it";
  EXPECT_FALSE(is_past(lineages_from({300}), 0, 301));
  EXPECT_FALSE(is_past(lineages_from({300, 100}), 0, 101));
}

TEST(Lineages, that_the_log_never_had_are_forgotten) {
  Lineages lineages = lineages_from({0, 300, 500});
  lineages.keep_up_to(Lineage{{12}});
  EXPECT_EQ(lineages.current(), Lineage{{12}});
  EXPECT_TRUE(is_past(lineages, 11, 300));
  EXPECT_FALSE(is_past(lineages, 13, 500));
  lineages.keep_up_to(Lineage{{99}});
  EXPECT_EQ(lineages.current(), Lineage{});
  EXPECT_FALSE(is_past(lineages, 11, 0));
  lineages.begin(11, 900);
  EXPECT_FALSE(is_past(lineages, 0, 300)) << "the lowest beginning is not forgotten";
}

TEST(Lineages, have_an_id_of_their_own_whatever_number_is_given) {
  Lineages lineages;
  for (int i = 0; i < 3; ++i) {
    lineages.begin(0, 100);
  }
  EXPECT_EQ(lineages.current(), Lineage{{3}});
  lineages.begin(~std::uint64_t{0}, 100);
  lineages.begin(~std::uint64_t{0}, 100);
  EXPECT_EQ(lineages.current(), Lineage{{4}});
}

TEST(Lineages, of_which_only_the_current_one_is_known_reach_back_to_all_of_it) {
  Lineages lineages = lineages_from({100, 300});
  lineages.begin_without_others(Lineage{{20}}, 500);
  EXPECT_EQ(lineages.current(), Lineage{{20}});
  EXPECT_TRUE(is_past(lineages, 20, 1'000));
  EXPECT_FALSE(is_past(lineages, 12, 300));
  EXPECT_FALSE(is_past(lineages, 0, 1)) << "nobody knows where an earlier one began";
}

TEST(Lineages, are_kept_so_many_and_those_without_commits_go_first) {
  std::vector<std::uint64_t> begins{1, 2};
  for (std::size_t i = 0; i < Lineages::kept; ++i) {
    begins.push_back(3);
  }
  Lineages lineages = lineages_from(begins);
  EXPECT_TRUE(is_past(lineages, 11, 2));
  EXPECT_TRUE(is_past(lineages, 12, 3));
  EXPECT_FALSE(is_past(lineages, 13, 3));
  begins.clear();
  for (std::size_t i = 0; i < Lineages::kept + 1; ++i) {
    begins.push_back(i);
  }
  lineages = lineages_from(begins);
  EXPECT_FALSE(is_past(lineages, 11, 0));
  EXPECT_TRUE(is_past(lineages, 12, 1));
}

// A copy reads the log at each of its runs and commits nothing to it.
TEST(Lineages, of_the_newer_half_are_kept_also_without_a_commit) {
  std::vector<std::uint64_t> begins;
  for (std::size_t i = 0; i < Lineages::kept; ++i) {
    begins.push_back(i);
  }
  begins.push_back(begins.back());
  const Lineages lineages = lineages_from(begins);
  const LogPosition seen{1, begins.back()};
  EXPECT_TRUE(lineages.check_past(Lineage{{10 + Lineages::kept}}, seen, {9, 2'000}));
  EXPECT_FALSE(is_past(lineages, 11, 0));
}

TEST(Lineages, are_read_back_from_their_bytes) {
  const Lineages lineages = lineages_from({50, 300});
  const std::string bytes = lineages.encode(id_of_log);
  const auto back = Lineages::decode(bytes, id_of_log);
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(back->encode(id_of_log), bytes);
  EXPECT_TRUE(is_past(*back, 11, 300));
  const auto other = Lineages::decode(bytes, id_of_log + 1);
  ASSERT_TRUE(other) << other.error().to_string();
  EXPECT_EQ(other->current(), Lineage{}) << "they are those of another log";
  const auto none = Lineages::decode(Lineages().encode(id_of_log), id_of_log);
  ASSERT_TRUE(none) << none.error().to_string();
  EXPECT_TRUE(is_past(*none, 0, 1'000));
}

// The bytes of a checkpoint without the checksum at their end.
std::string without_sum(const std::string& checkpoint) {
  return checkpoint.substr(0, checkpoint.size() - 4);
}

TEST(Lineages, stand_behind_all_that_older_builds_read_of_a_checkpoint) {
  embedded::Checkpoint checkpoint;
  checkpoint.log_id = id_of_log;
  checkpoint.position = 900;
  checkpoint.next_offsets = {3, 5};
  checkpoint.positions = {{GroupId{{1}}, {TopicId{{3}}, PartitionId{{0}}}, 4}};
  checkpoint.producers = {{"stock", {7, 800}, {}}};
  std::vector<std::uint32_t> versions;
  const auto expect_behind = [&] {
    checkpoint.lineage = {};
    const std::string older = checkpoint.encode();
    checkpoint.lineage.value = 77;
    const std::string newer = checkpoint.encode();
    std::string lineage;
    ByteWriter(lineage).little(std::uint64_t{77});
    EXPECT_EQ(without_sum(newer), without_sum(older) + lineage);
    versions.push_back(load_little<std::uint32_t>(newer.data() + 4));
    const auto read = embedded::Checkpoint::decode(newer);
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(read->lineage, Lineage{{77}});
    const auto read_older = embedded::Checkpoint::decode(older);
    ASSERT_TRUE(read_older) << read_older.error().to_string();
    EXPECT_EQ(read_older->lineage, Lineage{});
  };
  expect_behind();
  checkpoint.begin = 100;
  expect_behind();
  checkpoint.begin_previous = 9;
  expect_behind();
  checkpoint.starts = {0, 2};
  expect_behind();
  checkpoint.catalog = {embedded::Catalog::settings_record({})};
  expect_behind();
  checkpoint.catalog.push_back(embedded::Catalog::deletion_record(TopicId{{3}}));
  expect_behind();
  EXPECT_THAT(versions, testing::ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Lineages, that_are_damaged_or_of_a_newer_build_are_refused) {
  const std::string bytes = lineages_from({50}).encode(id_of_log);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    const auto read = Lineages::decode(damaged, id_of_log);
    ASSERT_FALSE(read) << i;
    EXPECT_TRUE(read.error().is(errc::corrupt)) << read.error().to_string();
    EXPECT_FALSE(Lineages::decode(bytes.substr(0, i), id_of_log)) << i;
  }
  std::string newer = bytes.substr(0, bytes.size() - 4);
  newer[4] = 2;
  const std::uint32_t sum = crc32c(newer);
  ByteWriter(newer).little(sum);
  const auto refused = Lineages::decode(newer, id_of_log);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::incompatible)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("version 2"));
}

}  // namespace
}  // namespace millrace::log
