// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "catalog.hpp"
#include "frame.hpp"
#include "millrace/base/byte_writer.hpp"
#include "settling_world.hpp"

// Topics that get more partitions: docs/formats/journal.md, docs/decisions/
// 0032-topics-get-more-partitions.md.
namespace millrace::log {
namespace {

using embedded::Catalog;
using embedded::CatalogTopic;
using testing::ElementsAre;
using testing::HasSubstr;

CatalogTopic topic_that_grows(std::int32_t number, std::uint32_t first_row) {
  CatalogTopic topic;
  topic.topic = {TopicId{{number}}, {"t" + std::to_string(number), 2, TopicKind::events, "stock"}};
  topic.first_row = first_row;
  return topic;
}

TEST(AdditionRecord, has_the_bytes_that_the_format_says) {
  std::string expected;
  ByteWriter out(expected);
  out.little(std::uint8_t{5}).little(std::int32_t{259}).little(std::int32_t{2});
  out.little(std::int32_t{300}).little(std::uint32_t{70'000});
  EXPECT_EQ(Catalog::addition_record({TopicId{{259}}, 2, 300, 70'000}), out.take());
}

TEST(AdditionRecord, gives_a_topic_rows_behind_all_others_and_leads_to_the_same_catalog_again) {
  const TopicId grows{{3}};
  Catalog catalog;
  const std::vector<std::string> history{
      Catalog::topic_record(topic_that_grows(3, 3)), Catalog::topic_record(topic_that_grows(4, 5)),
      Catalog::addition_record({grows, 2, 4, 7}), Catalog::addition_record({grows, 4, 5, 9})};
  for (const std::string& record : history) {
    ASSERT_TRUE(catalog.apply(record));
  }
  Catalog copy;
  for (const std::string& record : catalog.records()) {
    ASSERT_TRUE(copy.apply(record));
  }
  // As after a checkpoint that knows more than the frames behind it.
  for (const std::string& record : history) {
    ASSERT_TRUE(copy.apply(record));
  }
  for (const Catalog* const one : {&catalog, &copy}) {
    const CatalogTopic* const topic = one->find(grows);
    ASSERT_NE(topic, nullptr);
    EXPECT_EQ(one->find("t3"), topic);
    EXPECT_EQ(topic->topic.spec.partitions, 5);
    std::vector<std::uint32_t> rows;
    for (std::int32_t p = 0; p < 5; ++p) {
      rows.push_back(topic->row(p));
    }
    EXPECT_THAT(rows, ElementsAre(3, 4, 7, 8, 9));
    EXPECT_EQ(one->find("t4")->row(1), 6U);
    EXPECT_EQ(one->rows_used(), 10U);
    EXPECT_EQ(one->topic_count(), 5U);
    EXPECT_EQ(one->topics().front().spec.partitions, 5);
  }
}

// The topics of a checkpoint are in the order of their numbers, with what was added to each.
TEST(AdditionRecord, of_an_earlier_topic_may_have_rows_behind_those_of_a_later_one) {
  Catalog catalog;
  for (const std::string& record : {Catalog::topic_record(topic_that_grows(3, 3)),
                                    Catalog::topic_record(topic_that_grows(4, 5)),
                                    Catalog::addition_record({TopicId{{4}}, 2, 3, 7}),
                                    Catalog::addition_record({TopicId{{3}}, 2, 3, 8})}) {
    ASSERT_TRUE(catalog.apply(record));
  }
  Catalog copy;
  for (const std::string& record : catalog.records()) {
    ASSERT_TRUE(copy.apply(record));
  }
  EXPECT_EQ(copy.find("t3")->row(2), 8U);
  EXPECT_EQ(copy.find("t4")->row(2), 7U);
}

TEST(AdditionRecord, leaves_a_topic_that_somebody_looks_at_as_it_was) {
  Catalog catalog;
  ASSERT_TRUE(catalog.apply(Catalog::topic_record(topic_that_grows(3, 3))));
  const CatalogTopic* const before = catalog.find("t3");
  ASSERT_TRUE(catalog.apply(Catalog::addition_record({TopicId{{3}}, 2, 3, 5})));
  EXPECT_EQ(before->topic.spec.partitions, 2);
  EXPECT_EQ(before->row(1), 4U);
  EXPECT_EQ(catalog.find("t3")->row(2), 5U);
}

TEST(AdditionRecord, of_a_deleted_topic_keeps_its_rows_and_not_its_name) {
  Catalog catalog;
  ASSERT_TRUE(catalog.apply(Catalog::topic_record(topic_that_grows(3, 3))));
  ASSERT_TRUE(catalog.apply(Catalog::addition_record({TopicId{{3}}, 2, 3, 5})));
  ASSERT_TRUE(catalog.apply(Catalog::deletion_record(TopicId{{3}})));
  Catalog copy;
  for (const std::string& record : catalog.records()) {
    ASSERT_TRUE(copy.apply(record));
  }
  EXPECT_EQ(copy.find("t3"), nullptr);
  EXPECT_TRUE(copy.is_deleted(TopicId{{3}}));
  EXPECT_EQ(copy.rows_used(), 6U) << "rows are not used again";
  EXPECT_EQ(copy.last_deleted("t3")->spec.partitions, 3) << "all its directories are renamed";
}

TEST(AdditionRecord, that_makes_no_sense_is_damage) {
  Catalog catalog;
  const TopicId topic{{3}};
  const std::string good = Catalog::addition_record({topic, 2, 3, 5});
  EXPECT_TRUE(catalog.apply(good).error().is(errc::corrupt)) << "of a topic there is not";
  ASSERT_TRUE(catalog.apply(Catalog::topic_record(topic_that_grows(3, 3))));
  for (const std::string& record :
       {good.substr(0, good.size() - 1), Catalog::addition_record({TopicId{{0}}, 1, 2, 5}),
        Catalog::addition_record({topic, 3, 4, 5}), Catalog::addition_record({topic, 2, 2, 5}),
        Catalog::addition_record({topic, 2, 1, 5}), Catalog::addition_record({topic, 0, 3, 5}),
        Catalog::addition_record({topic, 2, 4'097, 5}), Catalog::addition_record({topic, 2, 3, 2}),
        Catalog::addition_record({topic, 2, 3, 4}), Catalog::addition_record({topic, 2, 5, 0}),
        Catalog::addition_record({topic, 2, 4, 4'095}),
        Catalog::addition_record({topic, 2, 3, 0xffff'ffff})}) {
    const Status applied = catalog.apply(record);
    ASSERT_FALSE(applied);
    EXPECT_TRUE(applied.error().is(errc::corrupt)) << applied.error().to_string();
  }
  EXPECT_EQ(catalog.find(topic)->topic.spec.partitions, 2);
}

class TopicPartitions : public Settling {
 protected:
  int checkpoint_version() {
    return read_file(machine().files, root + "/checkpoint").value().at(4);
  }
  std::vector<int> frame_versions() {
    const std::string bytes =
        read_file(machine().files, root + "/journal/00000000000000000000.journal").value();
    std::vector<int> versions;
    for (std::size_t at = 0; at + embedded::frame_header_bytes <= bytes.size();) {
      const auto header = embedded::FrameView(std::string_view(bytes).substr(at)).header();
      if (header.magic != embedded::frame_magic) {
        break;
      }
      versions.push_back(header.version);
      at += header.bytes;
    }
    return versions;
  }
  static TopicPartition of(TopicPartition first, std::int32_t number) {
    return {first.topic, partition(number)};
  }
};

TEST_F(TopicPartitions, raise_the_versions_of_frame_and_checkpoint_where_some_were_added) {
  {
    const auto log = machine().open();
    const TopicId topic = topic_at(*log, "t").topic;
    ASSERT_TRUE(log->add_partitions(topic, 3));
    ASSERT_TRUE(log->add_partitions(topic, 3)) << "which writes nothing";
    topic_at(*log, "more");
  }
  EXPECT_EQ(frame_versions(), (std::vector<int>{1, 4, 1}));
  EXPECT_EQ(checkpoint_version(), 7);
  machine().open().reset();
  EXPECT_EQ(checkpoint_version(), 7);
}

TEST_F(TopicPartitions, are_found_by_each_way_to_open_the_log_with_what_is_settled_of_them) {
  TopicPartition first;
  TopicPartition neighbour;
  SeededRandom random(7);
  {
    auto log = open();
    first = topic_at(*log, "t");
    neighbour = topic_at(*log, "neighbour", 2);
    ASSERT_TRUE(put_all(*log, {first, neighbour, of(neighbour, 1)}, "before"));
    ASSERT_TRUE(log->add_partitions(first.topic, 3));
    ASSERT_TRUE(put_all(*log, {first, of(first, 2)}, "settled"));
    ASSERT_TRUE(log->wait_durable(log->committed()));
    ASSERT_TRUE(log->maintain_storage());
    EXPECT_THAT(names("/settled", ""), ElementsAre("neighbour-0", "neighbour-1", "t-0", "t-2"));
    ASSERT_TRUE(log->add_partitions(first.topic, 4));
    ASSERT_TRUE(put_all(*log, {of(first, 2), of(first, 3)}, "in the journal"));
    ASSERT_TRUE(log->wait_durable(log->committed()));
    machine().lose_power(random);
  }
  for (const bool by_checkpoint : {false, true}) {
    SCOPED_TRACE(by_checkpoint);
    const auto reader = open_to_read();
    const auto log = open();
    const auto joins = open("joins");
    for (Log* const one : {reader.get(), log.get(), joins.get()}) {
      EXPECT_EQ(one->find_topic("t").value().spec.partitions, 4);
      EXPECT_THAT(values_of(*one, first), ElementsAre("before", "settled"));
      EXPECT_THAT(values_of(*one, of(first, 1)), ElementsAre());
      EXPECT_THAT(values_of(*one, of(first, 2)), ElementsAre("settled", "in the journal"));
      EXPECT_THAT(values_of(*one, of(first, 3)), ElementsAre("in the journal"));
      EXPECT_THAT(values_of(*one, neighbour), ElementsAre("before"));
      EXPECT_THAT(values_of(*one, of(neighbour, 1)), ElementsAre("before"));
    }
    EXPECT_EQ(checkpoint_version(), 7);
    expect_good_directory();
  }
}

TEST_F(TopicPartitions, are_seen_at_once_by_members_and_readers_that_were_there_before) {
  auto log = open("one");
  auto other = open("other");
  const TopicPartition first = topic_at(*log, "t");
  const auto reader = open_to_read();
  EXPECT_EQ(reader->find_topic("t").value().spec.partitions, 1);
  EXPECT_THAT(values_of(*other, first), ElementsAre());
  ASSERT_TRUE(log->add_partitions(first.topic, 2));
  ASSERT_TRUE(put_all(*other, {of(first, 1)}, "v"));
  for (Log* const one : {log.get(), other.get(), reader.get()}) {
    EXPECT_THAT(values_of(*one, of(first, 1)), ElementsAre("v"));
    EXPECT_EQ(one->find_topic("t").value().spec.partitions, 2);
  }
  const auto refused = reader->add_partitions(first.topic, 3);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::read_only)) << refused.error().to_string();
}

TEST_F(TopicPartitions, of_a_deleted_topic_take_their_settled_segments_along) {
  auto log = open();
  const TopicPartition first = topic_at(*log, "t");
  ASSERT_TRUE(log->add_partitions(first.topic, 2));
  ASSERT_TRUE(put_all(*log, {first, of(first, 1)}, "v"));
  ASSERT_TRUE(log->wait_durable(log->committed()));
  ASSERT_TRUE(log->maintain_storage());
  EXPECT_THAT(names("/settled", ""), ElementsAre("t-0", "t-1"));
  ASSERT_TRUE(log->delete_topic(first.topic));
  EXPECT_THAT(names("/settled", ""), ElementsAre());
  EXPECT_THAT(values_of(*log, topic_at(*log, "t", 2)), ElementsAre());
  expect_good_directory();
}

TEST_F(TopicPartitions, of_a_deleted_topic_stay_deleted_when_the_power_fails) {
  SeededRandom random(11);
  {
    auto log = open();
    const TopicPartition first = topic_at(*log, "t");
    ASSERT_TRUE(log->add_partitions(first.topic, 2));
    ASSERT_TRUE(put_all(*log, {first, of(first, 1)}, "settled"));
    ASSERT_TRUE(log->wait_durable(log->committed()));
    ASSERT_TRUE(log->maintain_storage());
    ASSERT_TRUE(log->add_partitions(first.topic, 3));
    ASSERT_TRUE(put_all(*log, {of(first, 2)}, "in the journal"));
    ASSERT_TRUE(log->delete_topic(first.topic));
    machine().lose_power(random);
  }
  for (int round = 0; round < 2; ++round) {
    auto log = open();
    EXPECT_FALSE(open_to_read()->find_topic("t"));
    ASSERT_TRUE(log->maintain_storage());
    EXPECT_THAT(names("/settled", ""), ElementsAre());
  }
  const auto log = open();
  const TopicPartition made = topic_at(*log, "t", 3);
  for (std::int32_t p = 0; p < 3; ++p) {
    EXPECT_THAT(values_of(*log, of(made, p)), ElementsAre());
  }
  ASSERT_TRUE(put_all(*log, {of(made, 2)}, "v"));
  EXPECT_THAT(values_of(*log, of(made, 2)), ElementsAre("v"));
  expect_good_directory();
}

TEST_F(TopicPartitions, beyond_the_table_of_the_log_are_refused_and_change_nothing) {
  const auto log = machine().open();
  const TopicPartition first = topic_at(*log, "t");
  topic_at(*log, "large", 4'000);
  const auto refused = log->add_partitions(first.topic, 200);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(errc::limit)) << refused.error().to_string();
  EXPECT_THAT(refused.error().message(), HasSubstr("more partitions of topic 't'"));
  EXPECT_THAT(refused.error().message(), HasSubstr("4004 of 4096"));
  EXPECT_EQ(log->find_topic("t").value().spec.partitions, 1);
  const auto all = log->add_partitions(first.topic, 93);
  ASSERT_TRUE(all) << all.error().to_string();
  ASSERT_TRUE(put_all(*log, {of(first, 92)}, "last row"));
  EXPECT_THAT(values_of(*log, of(first, 92)), ElementsAre("last row"));
}

// A member dies while it adds partitions: afterwards all handles know them, or nobody does.
TEST_F(TopicPartitions, are_all_there_or_none_wherever_the_member_that_adds_them_dies) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  int added = 0;
  int missing = 0;
  for (const std::string point :
       {"commit.before_frame", "commit.inside_frame", "commit.after_frame", "commit.after_publish",
        "commit.before_wake", "commit.after_wake", "sync.leader_before", "sync.leader_after"}) {
    for (const std::string after : {"survivor", "recovery", "power"}) {
      SCOPED_TRACE(point + ", " + after);
      start_over();
      auto victim = open("victim");
      const TopicPartition first = topic_at(*victim, "t");
      ASSERT_TRUE(put_all(*victim, {first}, "before"));
      ASSERT_TRUE(victim->wait_durable(victim->committed()));
      std::unique_ptr<Log> next = after == "survivor" ? open("survivor") : nullptr;
      plan(point, 1);
      const bool died = dies(*victim, [&] {
        static_cast<void>(victim->add_partitions(first.topic, 3));
        static_cast<void>(victim->wait_durable(victim->committed()));
      });
      forget_plan();
      ASSERT_TRUE(died);
      if (after == "power") {
        SeededRandom random(5);
        machine().lose_power(random);
      }
      victim.reset();
      if (next == nullptr) {
        next = open("next");
      }
      ASSERT_TRUE(maintain_all(*next));
      const std::int32_t now = next->find_topic("t").value().spec.partitions;
      EXPECT_TRUE(now == 1 || now == 3) << now;
      ++(now == 3 ? added : missing);
      if (point == "sync.leader_after") {
        EXPECT_EQ(now, 3);
      }
      EXPECT_EQ(open("joins")->find_topic("t").value().spec.partitions, now);
      EXPECT_EQ(open_to_read()->find_topic("t").value().spec.partitions, now);
      // Whatever was left half way: they are added now, and keep what is written to them.
      ASSERT_TRUE(next->add_partitions(first.topic, 4));
      ASSERT_TRUE(put_all(*next, {first, of(first, 3)}, "after"));
      ASSERT_TRUE(next->wait_durable(next->committed()));
      next.reset();
      next = open("last");
      EXPECT_THAT(values_of(*next, first), ElementsAre("before", "after"));
      EXPECT_THAT(values_of(*next, of(first, 3)), ElementsAre("after"));
      expect_good_directory();
    }
  }
  EXPECT_GT(added, 0);
  EXPECT_GT(missing, 0);
}

}  // namespace
}  // namespace millrace::log
