// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include "copy/compare.hpp"
#include "copy/manifest_offsets.hpp"
#include "copy/offset_map.hpp"
#include "copy/state.hpp"
#include "copy/step.hpp"
#include "millrace/connect/errors.hpp"

namespace millrace::connect {
namespace {

TEST(PartitionMap, joins_what_continues_in_both_logs) {
  PartitionMap map;
  map.add({10, 100, 5});
  map.add({15, 105, 5});
  map.add({20, 111, 1});
  map.add({30, 112, 2});
  EXPECT_EQ(map.runs(), (std::vector<OffsetRun>{{10, 100, 10}, {20, 111, 1}, {30, 112, 2}}));
  EXPECT_EQ(map.records(), 13);
  EXPECT_EQ(map.source_next(), log::offset(32));
  EXPECT_EQ(map.target_next(), log::offset(114));
}

TEST(PartitionMap, finds_the_copy_of_a_record_and_of_none_in_a_gap) {
  PartitionMap map;
  map.add({10, 100, 2});
  map.add({20, 102, 2});
  EXPECT_EQ(map.find(log::offset(11)), log::offset(101));
  EXPECT_EQ(map.find(log::offset(12)), std::nullopt);
  EXPECT_EQ(map.find(log::offset(21)), log::offset(103));
  EXPECT_EQ(map.find(log::offset(22)), std::nullopt);
}

TEST(PartitionMap, translates_a_position_to_the_next_record_there_is) {
  PartitionMap map;
  EXPECT_EQ(map.translate(log::offset(0)), std::nullopt);
  map.add({10, 100, 2});
  map.add({20, 105, 2});
  EXPECT_EQ(map.translate(log::offset(0)), log::offset(100));
  EXPECT_EQ(map.translate(log::offset(11)), log::offset(101));
  EXPECT_EQ(map.translate(log::offset(12)), log::offset(105));
  EXPECT_EQ(map.translate(log::offset(21)), log::offset(106));
  EXPECT_EQ(map.translate(log::offset(22)), std::nullopt);
}

CopyStep full_step() {
  CopyStep step;
  step.number = 7;
  step.source = "file:0123 with % and\nmore";
  step.seen = log::SeenLog{{{0xfedcba9876543210U}}, {3, 0xffffffffffffffffU}};
  step.topics = {{"orders", 4, 9}, {"payments", 17, 0}};
  step.landed = {{{"orders", 2}, 93}};
  step.copied = {{{"orders", 2}, {{1000, 120}, {1125, 7}}}, {{"payments", 0}, {{0, 1}}}};
  step.positions = {{"stock/gatherer of %0A\n", {"orders", 2}, 1262, 1301}};
  return step;
}

TEST(PartitionMap, knows_what_was_copied_before_an_offset_for_good) {
  PartitionMap map;
  EXPECT_EQ(map.copied_before(log::offset(7)), log::offset(0));
  map.add({10, 20, 3});
  const auto expect = [&](std::int64_t source, std::int64_t target) {
    EXPECT_EQ(map.copied_before(log::offset(source)), log::offset(target)) << source;
  };
  for (const bool more : {false, true}) {
    if (more) map.add({15, 30, 2});
    expect(9, 0);
    expect(10, 0);
    expect(11, 21);
    expect(13, 23);
    expect(15, 23);
  }
  expect(16, 31);
  expect(99, 32);
}

TEST(ManifestOffsets, leave_all_else_as_it_is_written) {
  OffsetMap map;
  map[{"shop.a", 0}].add({0, 5, 10});
  const std::string json =
      R"({"version":1,"revision":4,"plan_version":1,"of_later":{"from":[1]},"parts":[],)"
      R"("channels":[{"topic":"\"from\":[3]","key":"","value":"","from":[]},)"
      R"({"topic":"shop.a","key":"","value":"","from":[3,8],"later":true}]})";
  const auto copy = translate_manifest(json, map, {});
  ASSERT_TRUE(copy) << copy.error().to_string();
  std::string expected = json;
  expected.replace(expected.find("[3,8]"), 5, "[8,0]");
  EXPECT_EQ(*copy, expected);
  EXPECT_EQ(translate_manifest("no manifest", map, {}).value_or(""), "no manifest");
}

TEST(ManifestOffsets, leave_out_the_number_that_a_topic_has_in_the_source) {
  OffsetMap map;
  map[{"shop.a", 0}].add({0, 5, 10});
  const std::string json =
      R"({"version":4,"revision":4,"plan_version":1,"parts":[],)"
      R"("channels":[{"topic":"shop.a","key":"","value":"","from":[3],"was":["x"],"from_topic":7},)"
      R"({"topic":"shop.b","key":"","value":"","from":[0],"from_topic":8}]})";
  const auto beginning_at = [](const std::string& from) {
    return R"({"version":4,"revision":4,"plan_version":1,"parts":[],)"
           R"("channels":[{"topic":"shop.a","key":"","value":"","from":[)" +
           from +
           R"(],"was":["x"]},)"
           R"({"topic":"shop.b","key":"","value":"","from":[0]}]})";
  };
  EXPECT_EQ(translate_manifest(json, map, {{"shop.a", 7}}).value_or(""), beginning_at("8"));
  EXPECT_EQ(translate_manifest(json, map, {{"shop.a", 9}}).value_or(""), beginning_at("0"))
      << "what was said is of a topic that was deleted";
}

TEST(CopyStep, reads_as_it_was_written) {
  const auto read = decode_step(encode_step(full_step()));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(*read, full_step());
}

TEST(CopyStep, that_is_damaged_is_refused_by_name) {
  const std::string good = "millrace-copy 1 7\nsource x\n";
  ASSERT_TRUE(decode_step(good));
  EXPECT_FALSE(decode_step(""));
  EXPECT_FALSE(decode_step("millrace-copy 4 7\n"));
  for (const char* line :
       {"copied orders 2", "copied orders x 1+1", "copied orders 2 1+0", "copied orders 2 1-1",
        "topic orders", "topic orders 4", "topic orders 4 x", "landed orders 2",
        "landed orders 2 -1", "position orders 2 1", "nonsense", "seen", "seen 1", "seen 1 2",
        "seen x 2 3", "seen 1 -2 3", "seen 1 2 3 4", "seen 10000000000000000 2 3"}) {
    const auto read = decode_step(good + line + "\n");
    ASSERT_FALSE(read) << line;
    EXPECT_NE(read.error().message().find(line), std::string::npos) << read.error().message();
  }
}

TEST(CopyStep, of_a_newer_build_is_refused_with_the_version_found_and_the_highest_known) {
  const auto read = decode_step("millrace-copy 12 7\nof later\n");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code().name, "log.incompatible");
  EXPECT_NE(read.error().message().find("the map of the copy has version 12, this program reads up "
                                        "to version 3"),
            std::string::npos)
      << read.error().message();
}

TEST(CopyStep, without_a_lineage_or_numbers_of_topics_is_one_of_earlier_builds) {
  CopyStep step = full_step();
  step.seen.reset();
  for (const std::string version : {"2", "1"}) {
    const std::string text = encode_step(step);
    EXPECT_TRUE(text.starts_with("millrace-copy " + version + " 7\n")) << text;
    const auto read = decode_step(text);
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(*read, step);
    step.topics.clear();
  }
}

TEST(CopyState, keeps_the_history_that_the_last_step_named) {
  CopyState state;
  for (const std::uint64_t position : {5U, 9U, 0U}) {
    CopyStep step;
    step.number = state.last_step + 1;
    if (position > 0) step.seen = log::SeenLog{{{1}}, {1, position}};
    ASSERT_TRUE(state.apply(step));
  }
  EXPECT_EQ(state.seen, (log::SeenLog{{{1}}, {1, 9}}));
}

TEST(CopyState, refuses_a_topic_that_is_another_one_than_in_an_earlier_step) {
  CopyState state;
  CopyStep first;
  first.number = 1;
  first.topics = {{"orders", 4, 9}};
  ASSERT_TRUE(state.apply(first));
  for (const NumberedTopic& other :
       {NumberedTopic{"orders", 5, 9}, NumberedTopic{"orders", 4, 8}}) {
    CopyStep second;
    second.number = 2;
    second.topics = {other};
    EXPECT_EQ(state.apply(second).error().code(), errc::differs);
  }
}

TEST(CopyState, follows_the_steps) {
  CopyState state;
  CopyStep first;
  first.number = 1;
  first.source = "s";
  first.copied = {{{"orders", 0}, {{5, 2}, {9, 1}}}};
  ASSERT_TRUE(state.apply(first));
  EXPECT_EQ(state.target_next({"orders", 0}), log::offset(0));
  CopyStep second;
  second.number = 2;
  second.source = "s";
  second.landed = {{{"orders", 0}, 50}};
  ASSERT_TRUE(state.apply(second));
  EXPECT_EQ(state.map.at({"orders", 0}).runs(), (std::vector<OffsetRun>{{5, 50, 2}, {9, 52, 1}}));
}

TEST(CopyState, refuses_steps_that_do_not_follow) {
  CopyState state;
  CopyStep first;
  first.number = 1;
  first.copied = {{{"orders", 0}, {{5, 2}}}};
  CopyStep skips = first;
  skips.number = 2;
  EXPECT_EQ(state.apply(skips).error().code(), errc::differs);
  ASSERT_TRUE(state.apply(first));
  CopyStep elsewhere;
  elsewhere.number = 2;
  elsewhere.landed = {{{"payments", 0}, 50}};
  EXPECT_EQ(state.apply(elsewhere).error().code(), errc::differs);
  CopyStep nowhere;
  nowhere.number = 2;
  EXPECT_EQ(state.apply(nowhere).error().code(), errc::differs);
}

}  // namespace
}  // namespace millrace::connect
