// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <millrace_test_paths.hpp>
#include <sstream>

#include "millrace/log/errors.hpp"
#include "sequences.hpp"
#include "state.hpp"

// The records of `__millrace` and `__millrace_sequences` as an older build wrote them:
// tests/fixtures/kafka-state-v1.txt, lines `name hex`. docs/formats/kafka.md.
namespace millrace::log::kafka {
namespace {

using testing::HasSubstr;

std::string hex(std::string_view bytes) {
  std::ostringstream out;
  out << std::hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out << (byte >> 4U) << (byte & 15U);
  }
  return out.str();
}

std::string bytes_of(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

std::map<std::string, std::string> fixture() {
  std::map<std::string, std::string> lines;
  std::ifstream file(std::string(test::source_dir) + "/tests/fixtures/kafka-state-v1.txt");
  std::string name;
  std::string bytes;
  while (file >> name >> bytes)
    lines.emplace(name, bytes);
  return lines;
}

State a_state() {
  State state;
  state.apply(0, Created{"9f3a"});
  state.apply(1, TopicMade{{"orders", 4, TopicKind::events, "shop"}});
  state.apply(2, TopicMade{{"shop.c", 1, TopicKind::private_topic, "shop"}, true});
  state.apply(3, GroupMade{"shop/count"});
  state.apply(4, Joined{"shop.t1", "shop-1", {"node/boot/4026531836", 4711, 90'000}});
  state.apply(5, Subscribed{4, 0, {"count/0", "count/1"}});
  state.apply(6, Claimed{5, "count/0"});
  state.apply(7, Positioned{0, "orders", 3});
  return state;
}

// One of each kind, in the order of their numbers.
std::map<std::string, StateRecord> records() {
  return {
      {"0-topic", TopicMade{{"orders", 300, TopicKind::commands, "shop"}, true}},
      {"1-group", GroupMade{"shop/count"}},
      {"2-joined", Joined{"shop.t1", "shop-1", {"node/boot/4026531836", 4711, 90'000}}},
      {"3-subscribed", Subscribed{70'000, 2, {"count/0", "count/1", ""}}},
      {"4-heartbeat", Heartbeat{9'000'000'000}},
      {"5-claimed", Claimed{5, "count/0"}},
      {"6-released", Released{5, "count/0", 6}},
      {"7-unsubscribed", Unsubscribed{5}},
      {"8-ended", Ended{4}},
      {"9-snapshot", Snapshot{8, a_state().encode()}},
      {"10-created", Created{"9f3a"}},
      {"11-positioned", Positioned{0, "orders", 3}},
      {"12-partitions-added", PartitionsAdded{"orders", 600}},
      {"13-topic-deleted", TopicDeleted{70}},
      {"64-ends-seen", EndsSeen{70, {1, 0xffff'ffff'ffff'ffff}, 1'700'000'000'000, {300, 0}}},
  };
}

Sequences::Last a_sequence() {
  return {41, {{{"shop.orders", 3}, offset(1'000)}, {{"shop.bills", 0}, offset(0)}}};
}

TEST(KafkaStateFixture, holds_each_kind_and_this_build_writes_the_same_bytes) {
  const auto lines = fixture();
  EXPECT_EQ(lines.size(), std::variant_size_v<StateRecord> + 1);
  for (const auto& [name, record] : records()) {
    const auto line = lines.find(name);
    EXPECT_EQ(line == lines.end() ? "no line" : line->second, hex(encode_state_record(record)))
        << name;
  }
  EXPECT_EQ(lines.contains("sequence") ? lines.at("sequence") : "no line",
            hex(Sequences::encode(a_sequence())));
}

TEST(KafkaStateFixture, is_read_as_the_build_that_wrote_it_meant_it) {
  const auto lines = fixture();
  for (const auto& [name, record] : records()) {
    ASSERT_TRUE(lines.contains(name)) << name;
    const auto read = decode_state_record(bytes_of(lines.at(name)));
    ASSERT_TRUE(read.has_value()) << name << ": " << read.error().to_string();
    EXPECT_EQ(read->index(), record.index()) << name;
    EXPECT_EQ(encode_state_record(*read), encode_state_record(record)) << name;
  }
  const auto snapshot = decode_state_record(bytes_of(lines.at("9-snapshot")));
  const auto state = State::decode(std::get<Snapshot>(*snapshot).state);
  ASSERT_TRUE(state.has_value()) << state.error().to_string();
  EXPECT_EQ(*state, a_state());
  const auto sequence = Sequences::decode(bytes_of(lines.at("sequence")));
  ASSERT_TRUE(sequence.has_value()) << sequence.error().to_string();
  EXPECT_EQ(sequence->number, 41);
  EXPECT_EQ(sequence->partitions, a_sequence().partitions);
}

TEST(KafkaStateFixture, of_a_newer_build_is_refused_with_the_version_found_and_the_highest_known) {
  std::string record = encode_state_record(Heartbeat{1});
  record[0] = 8;  // zigzag of 4
  const auto read = decode_state_record(record);
  ASSERT_FALSE(read.has_value());
  EXPECT_TRUE(read.error().is(log::errc::incompatible));
  EXPECT_THAT(read.error().message(), HasSubstr("__millrace has version 4"));
  EXPECT_THAT(read.error().message(), HasSubstr("up to version 3"));
  // Version 1 has no number of its own: later ones begin with theirs, negated.
  const auto sequence = Sequences::decode("\x03 of later");
  ASSERT_FALSE(sequence.has_value());
  EXPECT_TRUE(sequence.error().is(log::errc::incompatible)) << sequence.error().to_string();
  EXPECT_THAT(sequence.error().message(),
              HasSubstr("the sequence of a producer has version 2, this program reads up to "
                        "version 1"));
}

}  // namespace
}  // namespace millrace::log::kafka
