// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <string>

#include "millrace/base/byte_writer.hpp"
#include "millrace/log/errors.hpp"
#include "state.hpp"

namespace millrace::log::kafka {
namespace {

/// A state and the offset of its next record.
struct Fold {
  State state;
  std::int64_t next = 0;
  std::int64_t add(const StateRecord& record) {
    // As it comes from the topic.
    const auto decoded = decode_state_record(encode_state_record(record));
    EXPECT_TRUE(decoded.has_value());
    state.apply(next, *decoded);
    return next++;
  }
  const State::Task& task(const std::string& name) const {
    return state.groups().at(0).tasks.at(name);
  }
};

class KafkaState : public testing::Test {
 protected:
  KafkaState() {
    fold.add(GroupMade{"g"});
    a = fold.add(Joined{"id-a", "a", {"here", 1, 7}});
    b = fold.add(Joined{"id-b", "b", {"here", 2, 8}});
    of_a = fold.add(Subscribed{a, 0, {"u", "v"}});
    of_b = fold.add(Subscribed{b, 0, {"u", "v"}});
  }
  Fold fold;
  std::int64_t a = 0, b = 0, of_a = 0, of_b = 0;
};

TEST_F(KafkaState, a_system_topic_has_the_bytes_of_commands_that_compact) {
  const TopicSpec spec{"__millrace.seen", 1, TopicKind::system, "__millrace"};
  TopicSpec commands = spec;
  commands.kind = TopicKind::commands;
  EXPECT_EQ(encode_state_record(TopicMade{spec, true}),
            encode_state_record(TopicMade{commands, true}))
      << "earlier builds can read the state";
  fold.add(TopicMade{spec, true});
  const auto copy = State::decode(fold.state.encode());
  ASSERT_TRUE(copy.has_value()) << copy.error().to_string();
  EXPECT_EQ(copy->topics().at(0).spec, spec);
}

TEST_F(KafkaState, the_first_claim_on_a_free_task_counts) {
  const auto first = fold.add(Claimed{of_b, "u"});
  fold.add(Claimed{of_a, "u"});
  EXPECT_EQ(fold.task("u"), (State::Task{of_b, first}));
  EXPECT_EQ(fold.task("v").owner, -1);
}

TEST_F(KafkaState, a_task_is_free_after_its_owner_released_it_and_its_epoch_rises) {
  const auto first = fold.add(Claimed{of_a, "u"});
  fold.add(Released{of_a, "u", first});
  EXPECT_EQ(fold.task("u").owner, -1);
  const auto second = fold.add(Claimed{of_a, "u"});
  // The release of a former claim, late.
  fold.add(Released{of_a, "u", first});
  EXPECT_EQ(fold.task("u"), (State::Task{of_a, second}));
  EXPECT_GT(second, first);
}

TEST_F(KafkaState, nobody_releases_what_is_another_s) {
  const auto first = fold.add(Claimed{of_a, "u"});
  fold.add(Released{of_b, "u", first});
  EXPECT_EQ(fold.task("u").owner, of_a);
}

TEST_F(KafkaState, the_end_of_a_member_frees_all_it_had_and_it_can_claim_no_more) {
  fold.add(Claimed{of_a, "u"});
  fold.add(Claimed{of_a, "v"});
  fold.add(Ended{a});
  EXPECT_EQ(fold.task("u").owner, -1);
  EXPECT_EQ(fold.task("v").owner, -1);
  EXPECT_EQ(fold.state.members().size(), 1U);
  fold.add(Claimed{of_a, "u"});
  fold.add(Subscribed{a, 0, {"u"}});
  EXPECT_EQ(fold.task("u").owner, -1);
  EXPECT_EQ(fold.state.subscriptions().size(), 1U);
}

TEST_F(KafkaState, tasks_are_claimed_by_those_that_named_them_only) {
  const auto later = fold.add(Subscribed{a, 0, {"w"}});
  fold.add(Claimed{of_b, "w"});
  EXPECT_EQ(fold.task("w").owner, -1);
  fold.add(Claimed{later, "w"});
  EXPECT_EQ(fold.task("w").owner, later);
  fold.add(Unsubscribed{later});
  EXPECT_EQ(fold.task("w").owner, -1);
}

TEST_F(KafkaState, topics_and_groups_keep_the_number_they_got_first) {
  fold.add(TopicMade{{"t", 3, TopicKind::events, "stock"}, true});
  fold.add(TopicMade{{"u", 1, TopicKind::commands, "stock"}});
  fold.add(TopicMade{{"t", 9, TopicKind::events, "else"}});
  fold.add(GroupMade{"g"});
  fold.add(GroupMade{"h"});
  TopicId id;
  ASSERT_NE(fold.state.topic("t", id), nullptr);
  EXPECT_EQ(id.value, 0);
  EXPECT_EQ(fold.state.topic("t", id)->partitions, 3);
  EXPECT_EQ(fold.state.topics().size(), 2U);
  EXPECT_EQ(fold.state.group_number("h"), 1);
}

TEST_F(KafkaState, a_topic_has_the_largest_number_of_partitions_that_was_said) {
  TopicId id;
  fold.add(PartitionsAdded{"t", 9});
  EXPECT_EQ(fold.state.topic("t", id), nullptr) << "of a topic there is not";
  fold.add(TopicMade{{"t", 3, TopicKind::events, "stock"}});
  fold.add(PartitionsAdded{"t", 6});
  // Of two that were under way at once, the smaller one comes last.
  fold.add(PartitionsAdded{"t", 4});
  ASSERT_NE(fold.state.topic("t", id), nullptr);
  EXPECT_EQ(fold.state.topic("t", id)->partitions, 6);
  const auto copy = State::decode(fold.state.encode());
  ASSERT_TRUE(copy.has_value()) << copy.error().to_string();
  EXPECT_EQ(*copy, fold.state);
}

TEST_F(KafkaState, a_deleted_topic_leaves_its_name_to_another_number) {
  const std::string before = fold.state.encode();
  fold.add(TopicMade{{"t", 3, TopicKind::events, "stock"}});
  fold.add(TopicMade{{"stays", 1, TopicKind::events, "stock"}});
  fold.add(GroupMade{"h"});
  const std::int32_t group = fold.state.group_number("h");
  fold.add(Positioned{group, "t", 2});
  fold.add(Positioned{group, "stays", 0});
  fold.add(TopicDeleted{0});
  fold.add(TopicDeleted{7});
  TopicId id;
  EXPECT_EQ(fold.state.topic("t", id), nullptr);
  EXPECT_TRUE(fold.state.is_deleted(0));
  EXPECT_FALSE(fold.state.had_position(group, "t", 2)) << "none is missed";
  EXPECT_TRUE(fold.state.had_position(group, "stays", 0));
  fold.add(TopicMade{{"t", 1, TopicKind::commands, "stock"}});
  // Of two that deleted it at once.
  fold.add(TopicDeleted{0});
  ASSERT_NE(fold.state.topic("t", id), nullptr);
  EXPECT_EQ(id.value, 2);
  EXPECT_EQ(fold.state.topics()[0].spec.partitions, 3);
  const auto copy = State::decode(fold.state.encode());
  ASSERT_TRUE(copy.has_value()) << copy.error().to_string();
  EXPECT_EQ(*copy, fold.state);
  // Earlier builds would give the topics other numbers.
  const std::string snapshot = encode_state_record(Snapshot{9, copy->encode(), true});
  EXPECT_EQ(snapshot[0], '\6') << "zigzag of 3";
  EXPECT_TRUE(decode_state_record(snapshot).has_value());
  EXPECT_EQ(encode_state_record(Snapshot{9, before})[0], '\2');
}

TEST(KafkaStateRecord, of_added_partitions_is_one_that_builds_of_version_1_refuse) {
  const std::string bytes = encode_state_record(PartitionsAdded{"t", 6});
  EXPECT_EQ(bytes[0], '\4') << "zigzag of 2";
  const auto older = decode_state_record(bytes, {1, {}});
  ASSERT_FALSE(older.has_value());
  EXPECT_TRUE(older.error().is(errc::incompatible)) << older.error().to_string();
  EXPECT_EQ(encode_state_record(Heartbeat{1})[0], '\2') << "the others stay as they were";
}

TEST_F(KafkaState, a_snapshot_holds_all_of_it) {
  fold.add(TopicMade{{"t", 3, TopicKind::events, "stock"}, true});
  fold.add(Claimed{of_a, "u"});
  fold.add(Created{"creation"});
  fold.add(GroupMade{"h"});
  fold.add(Positioned{1, "t", 2});
  fold.add(Positioned{1, "another", 0});
  const auto copy = State::decode(fold.state.encode());
  ASSERT_TRUE(copy.has_value()) << copy.error().to_string();
  EXPECT_EQ(*copy, fold.state);
}

TEST_F(KafkaState, of_a_process_the_fold_knows_what_names_it) {
  EXPECT_EQ(fold.state.members().at(b).process, (ProcessName{"here", 2, 8}));
}

TEST_F(KafkaState, the_first_name_of_the_topic_counts) {
  fold.add(Created{"one"});
  fold.add(Created{"other"});
  EXPECT_EQ(fold.state.creation(), "one");
}

TEST_F(KafkaState, a_group_has_had_a_position_where_one_was_noted_and_nowhere_else) {
  fold.add(GroupMade{"h"});
  fold.add(Positioned{1, "t", 2});
  fold.add(Positioned{1, "t", 2});
  // Of groups that there are not.
  fold.add(Positioned{2, "t", 2});
  fold.add(Positioned{-1, "t", 2});
  EXPECT_TRUE(fold.state.had_position(1, "t", 2));
  EXPECT_FALSE(fold.state.had_position(1, "t", 1));
  EXPECT_FALSE(fold.state.had_position(1, "u", 2));
  EXPECT_FALSE(fold.state.had_position(0, "t", 2));
  EXPECT_FALSE(fold.state.had_position(2, "t", 2));
  EXPECT_FALSE(fold.state.had_position(-1, "t", 2));
}

// Version 1, kind 2; id "i", name "n", pid 5, host "h"; without a start time.
TEST(KafkaStateRecord, a_member_may_have_joined_before_start_times_were_written) {
  const auto record = decode_state_record(std::string_view("\x02\x04\x02i\x02n\x0a\x02h", 9));
  ASSERT_TRUE(record.has_value()) << record.error().to_string();
  EXPECT_EQ(std::get<Joined>(*record).process, (ProcessName{"h", 5, 0}));
}

// One member, number 3: no name of the topic, no start times.
TEST(KafkaStateRecord, a_snapshot_may_be_older_than_what_was_added_to_it) {
  const auto state = State::decode(std::string_view("\x00\x00\x02\x06\x02i\x02n\x0a\x02h\x00", 12));
  ASSERT_TRUE(state.has_value()) << state.error().to_string();
  EXPECT_EQ(state->members().at(3).process, (ProcessName{"h", 5, 0}));
  EXPECT_EQ(state->creation(), "");
}

TEST(KafkaStateRecord, what_is_nobody_s_record_is_damage) {
  for (const std::string_view bytes :
       {"", "some text", "{\"json\":1}", "\xff\xff\xff", "\x01\x02"}) {
    const auto record = decode_state_record(bytes);
    ASSERT_FALSE(record.has_value()) << bytes;
    EXPECT_TRUE(record.error().is(errc::corrupt)) << record.error().to_string();
  }
}

TEST_F(KafkaState, bytes_that_end_early_are_refused_wherever_they_end) {
  fold.add(Created{"creation"});
  fold.add(Positioned{0, "in", 3});
  for (const StateRecord& record :
       {StateRecord(Subscribed{7, 1, {"a", "bc"}}), StateRecord(Positioned{7, "a", 1})}) {
    const std::string whole = encode_state_record(record);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto decoded = decode_state_record(std::string_view(whole).substr(0, size));
      EXPECT_FALSE(decoded.has_value()) << size;
    }
  }
  const std::string state = fold.state.encode();
  // Earlier ones ended before the positions: a count, and of one a text and a number.
  const std::size_t without_positions = state.size() - 1 - (1 + std::string_view("in").size()) - 1;
  // Still earlier ones before the topic's name and the start times of the two members.
  const std::size_t earliest = without_positions - 1 - std::string_view("creation").size() - 2;
  for (std::size_t size = 0; size < state.size(); ++size)
    EXPECT_EQ(State::decode(std::string_view(state).substr(0, size)).has_value(),
              size == earliest || size == without_positions)
        << size;
}

const RecordVersions to_come{4, {{11, 4}}};

TEST_F(KafkaState, members_say_which_versions_they_understand_and_older_ones_say_nothing) {
  const auto c = fold.add(Joined{"id-c", "c", {"here", 3, 9}, {3, 45'000}});
  EXPECT_EQ(fold.state.members().at(a).announced, (Announcement{1, 10'000}));
  EXPECT_EQ(fold.state.members().at(c).announced, (Announcement{3, 45'000}));
  EXPECT_EQ(fold.state.members_below(3).size(), 2U);
  EXPECT_EQ(fold.state.members_below(1).size(), 0U);
  fold.add(Ended{a});
  ASSERT_EQ(fold.state.members_below(2).size(), 1U);
  EXPECT_EQ(fold.state.members_below(2)[0].name, "b");
  fold.add(Ended{b});
  EXPECT_EQ(fold.state.members_below(3).size(), 0U);
}

// A member of an earlier build writes only what it knows into a snapshot.
TEST_F(KafkaState, a_heartbeat_tells_again_what_a_snapshot_of_an_older_member_lost) {
  const auto c = fold.add(Joined{"id-c", "c", {"here", 3, 9}, {3, 45'000}});
  const std::string whole = fold.state.encode();
  const auto copy = State::decode(whole);
  ASSERT_TRUE(copy.has_value()) << copy.error().to_string();
  EXPECT_EQ(*copy, fold.state);
  // Of each of three members a number of one byte and one of three.
  auto older = State::decode(std::string_view(whole).substr(0, whole.size() - 3 * (1 + 3)));
  ASSERT_TRUE(older.has_value()) << older.error().to_string();
  EXPECT_EQ(older->members().at(c).announced, Announcement{});
  older->apply(99, Heartbeat{c, {3, 45'000}});
  EXPECT_EQ(*older, fold.state);
}

TEST(KafkaStateRecord, announces_nothing_in_bytes_when_it_is_as_before) {
  EXPECT_EQ(encode_state_record(Heartbeat{1, {1, 10'000}}), encode_state_record(Heartbeat{1}));
  const auto beat = decode_state_record(encode_state_record(Heartbeat{1, {2, 10'000}}));
  ASSERT_TRUE(beat.has_value()) << beat.error().to_string();
  EXPECT_EQ(std::get<Heartbeat>(*beat).announced, (Announcement{2, 10'000}));
  // An earlier build reads it too: what it does not know stands at the end.
  EXPECT_TRUE(encode_state_record(Heartbeat{1, {2, 10'000}})
                  .starts_with(encode_state_record(Heartbeat{1})));
}

TEST(KafkaStateRecord, is_written_in_the_version_of_its_kind) {
  const Positioned positioned{0, "t", 1};
  const std::string bytes = encode_state_record(positioned, to_come);
  EXPECT_EQ(bytes[0], '\10') << "zigzag of 4";
  EXPECT_EQ(encode_state_record(Heartbeat{1}, to_come), encode_state_record(Heartbeat{1}));
  const auto known = decode_state_record(bytes, to_come);
  ASSERT_TRUE(known.has_value()) << known.error().to_string();
  EXPECT_EQ(std::get<Positioned>(*known).topic, "t");
  const auto unknown = decode_state_record(bytes);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_TRUE(unknown.error().is(errc::incompatible)) << unknown.error().to_string();
}

TEST(KafkaStateRecord, of_a_kind_from_64_on_is_a_note_in_every_version) {
  const auto begins = [](std::int64_t version, std::int64_t kind) {
    std::string bytes;
    ByteWriter out(bytes);
    return out.varint(version).varint(kind).take() + "content";
  };
  EXPECT_TRUE(is_unknown_note(begins(1, 65)));
  EXPECT_FALSE(is_unknown_note(begins(1, 64))) << "this build knows it";
  EXPECT_TRUE(is_unknown_note(begins(2, 64)));
  EXPECT_TRUE(is_unknown_note(begins(15, 127)));
  EXPECT_FALSE(is_unknown_note(begins(1, 63)));
  EXPECT_FALSE(is_unknown_note(begins(1, 128)));
  EXPECT_FALSE(is_unknown_note(begins(16, 64))) << "nobody's";
  EXPECT_FALSE(is_unknown_note(begins(0, 64)));
  EXPECT_FALSE(is_unknown_note(""));
  EXPECT_FALSE(is_unknown_note("some text"));
  for (std::size_t kind = 0; kind < std::variant_size_v<StateRecord>; ++kind)
    EXPECT_FALSE(is_unknown_note(begins(1, static_cast<std::int64_t>(kind))));
}

TEST_F(KafkaState, the_last_looks_at_the_ends_of_a_topic_stay_as_long_as_the_topic) {
  fold.add(TopicMade{{"t", 2, TopicKind::commands, "s"}});
  const auto look = [](std::int64_t wall_ms) {
    return EndsSeen{0, {1, 2}, wall_ms, {wall_ms, 10 * wall_ms}};
  };
  fold.add(EndsSeen{1, {1, 2}, 5, {5}});
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(State::ends_seen_max); ++i)
    fold.add(look(i));
  ASSERT_EQ(fold.state.ends_seen(0).size(), State::ends_seen_max);
  EXPECT_EQ(fold.state.ends_seen(0).front(), look(1)) << "the oldest one went";
  EXPECT_EQ(fold.state.ends_seen(0).back(), look(State::ends_seen_max));
  EXPECT_TRUE(fold.state.ends_seen(1).empty()) << "there is no such topic";
  const auto read = State::decode(fold.state.encode());
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  EXPECT_EQ(*read, fold.state);
  fold.add(TopicDeleted{0});
  EXPECT_TRUE(fold.state.ends_seen(0).empty());
  EXPECT_EQ(State::decode(fold.state.encode()).value(), fold.state);
}

TEST(KafkaStateRecord, of_a_later_version_asks_for_an_upgrade) {
  std::string bytes = encode_state_record(Heartbeat{1});
  bytes[0] = 8;  // zigzag of 4
  EXPECT_TRUE(decode_state_record(bytes).error().is(errc::incompatible));
}

}  // namespace
}  // namespace millrace::log::kafka
