// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "catalog.hpp"
#include "frame.hpp"
#include "hooked_files.hpp"
#include "millrace/base/byte_writer.hpp"
#include "settling_world.hpp"

// Topics that are deleted: docs/formats/journal.md, docs/decisions/0027-deleted-topics.md.
namespace millrace::log {
namespace {

using embedded::Catalog;
using embedded::CatalogTopic;
using testing::ElementsAre;

CatalogTopic deletable_topic(std::int32_t number) {
  CatalogTopic topic;
  topic.topic = {TopicId{{number}}, {"t", 1, TopicKind::events, "stock"}};
  topic.first_row = static_cast<std::uint32_t>(number);
  return topic;
}

TEST(DeletionRecord, has_the_bytes_that_the_format_says) {
  std::string expected;
  ByteWriter out(expected);
  out.little(std::uint8_t{4}).little(std::int32_t{259});
  EXPECT_EQ(Catalog::deletion_record(TopicId{{259}}), out.take());
}

TEST(DeletionRecord, frees_the_name_for_another_number_and_leads_to_the_same_catalog_again) {
  Catalog catalog;
  const std::vector<std::string> history{Catalog::topic_record(deletable_topic(3)),
                                         Catalog::deletion_record(TopicId{{3}}),
                                         Catalog::topic_record(deletable_topic(4))};
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
    EXPECT_EQ(one->find("t")->topic.id, TopicId{{4}});
    EXPECT_TRUE(one->is_deleted(TopicId{{3}}));
    EXPECT_FALSE(one->is_deleted(TopicId{{4}}));
    EXPECT_EQ(one->deletions(), 1U);
    EXPECT_EQ(one->last_deleted("t")->id, TopicId{{3}});
    EXPECT_FALSE(one->last_deleted("u"));
    EXPECT_EQ(one->topics().size(), 1U);
    EXPECT_EQ(one->rows_used(), 5U) << "rows are not used again";
  }
}

TEST(DeletionRecord, that_makes_no_sense_is_damage) {
  Catalog catalog;
  const std::string record = Catalog::deletion_record(TopicId{{3}});
  EXPECT_TRUE(catalog.apply(record).error().is(errc::corrupt)) << "of a topic there is not";
  ASSERT_TRUE(catalog.apply(Catalog::topic_record(deletable_topic(3))));
  EXPECT_TRUE(catalog.apply(record.substr(0, 4)).error().is(errc::corrupt));
  EXPECT_TRUE(catalog.apply(Catalog::deletion_record(TopicId{{0}})).error().is(errc::corrupt));
  EXPECT_FALSE(catalog.is_deleted(TopicId{{3}}));
}

class TopicDeletion : public Settling {
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
  static void expect_gone(Log& log, TopicPartition partition) {
    FetchBuffer buffer;
    const Status fetched = log.fetch(partition, offset(0), 1U << 20U, buffer);
    ASSERT_FALSE(fetched);
    EXPECT_TRUE(fetched.error().is(errc::topic_replaced)) << fetched.error().to_string();
  }
};

TEST_F(TopicDeletion, raises_the_versions_of_frame_and_checkpoint_where_there_is_one) {
  {
    const auto log = machine().open();
    topic_at(*log, "stays");
    const TopicId gone = topic_at(*log, "t").topic;
    ASSERT_TRUE(log->delete_topic(gone));
    ASSERT_TRUE(log->delete_topic(gone)) << "which writes nothing";
    topic_at(*log, "more");
  }
  EXPECT_EQ(frame_versions(), (std::vector<int>{1, 1, 3, 1}));
  EXPECT_EQ(checkpoint_version(), 6);
  machine().open().reset();
  EXPECT_EQ(checkpoint_version(), 6) << "as long as the number is known";
}

TEST_F(TopicDeletion, takes_its_settled_segments_along_and_leaves_those_of_others) {
  auto log = open();
  const TopicPartition stays = topic_at(*log, "t-0");
  ASSERT_TRUE(put_all(*log, {stays}, "stays"));
  fill(*log, 20);
  ASSERT_TRUE(log->maintain_storage());
  EXPECT_THAT(names("/settled", ""), ElementsAre("t-0", "t-0-0", "t-1"));
  ASSERT_TRUE(log->delete_topic(a_.topic));
  EXPECT_THAT(names("/settled", ""), ElementsAre("t-0-0"));
  expect_good_directory();
  expect_gone(*log, a_);
  expect_gone(*log, b_);
  // What the journal still has of it goes, too.
  ASSERT_TRUE(put_all(*log, {stays}, "after"));
  ASSERT_TRUE(log->maintain_storage());
  log.reset();
  log = open();
  EXPECT_THAT(values_of(*log, stays), ElementsAre("stays", "after"));
  expect_gone(*log, b_);
  EXPECT_THAT(names("/settled", ""), ElementsAre("t-0-0"));
  EXPECT_LE(names("/journal", ".journal").size(), 2U);
}

TEST_F(TopicDeletion, is_known_after_a_loss_of_power_and_by_each_way_to_open_the_log) {
  SeededRandom random(11);
  {
    auto log = open();
    fill(*log, 20);
    ASSERT_TRUE(log->maintain_storage());
    fill(*log, 5);
    ASSERT_TRUE(log->delete_topic(a_.topic));
    machine().lose_power(random);
  }
  for (const bool by_checkpoint : {false, true}) {
    SCOPED_TRACE(by_checkpoint);
    const auto reader = open_to_read();
    const auto log = open();
    const auto joins = open("joins");
    for (Log* const one : {reader.get(), log.get(), joins.get()}) {
      expect_gone(*one, a_);
      EXPECT_FALSE(one->find_topic("t"));
      EXPECT_TRUE(one->topics().value().empty());
      EXPECT_TRUE(one->groups().value().front().positions.empty());
      EXPECT_TRUE(one->delete_topic(a_.topic)) << "there is nothing to do";
    }
    expect_good_directory();
  }
}

TEST_F(TopicDeletion, leaves_a_topic_of_the_name_with_what_was_settled_of_itself) {
  auto log = open("one");
  auto other = open("other");
  for (int life = 0; life < 4; ++life) {
    SCOPED_TRACE(life);
    if (life > 0) {
      ASSERT_TRUE((life % 2 == 0 ? *log : *other).delete_topic(a_.topic));
      expected_a_.clear();
      expected_b_.clear();
    }
    fill(*(life % 2 == 0 ? other : log), 20);
    ASSERT_TRUE(log->maintain_storage());
    fill(*other, 7);
    expect_whole(*log);
    ASSERT_TRUE(other->maintain_storage());
    expect_whole(*other);
    expect_whole(*open_to_read());
  }
  log.reset();
  other.reset();
  log = open();
  expect_whole(*log);
  expect_good_directory();
}

TEST_F(TopicDeletion, ends_a_handle_that_only_reads_and_lags_behind) {
  auto log = open();
  fill(*log, 20);
  ASSERT_TRUE(log->maintain_storage());
  const auto reader = open_to_read();
  const TopicPartition old = a_;
  EXPECT_TRUE(batches_of(*reader, old) == expected_a_);
  const auto waiter = reader->waiter();
  ASSERT_TRUE(log->delete_topic(old.topic));
  const Interest interest{old, offset(static_cast<std::int64_t>(expected_a_.size()))};
  EXPECT_EQ(waiter->wait({&interest, 1}, machine().clock.monotonic_ns() + 600'000'000'000),
            WaitOutcome::ready);
  fill(*log, 30);
  ASSERT_TRUE(log->maintain_storage());
  expect_gone(*reader, old);
  const auto time = reader->find_time(old, 0);
  ASSERT_FALSE(time);
  EXPECT_TRUE(time.error().is(errc::topic_replaced)) << time.error().to_string();
}

// The directory that a fetch is about to read may be that of another topic with the name by then.
TEST_F(TopicDeletion, never_shows_a_reader_what_is_in_a_topic_that_has_the_name_now) {
  for (const LogAccess access : {LogAccess::read_write, LogAccess::read_only}) {
    bool reached = true;
    int replaced = 0;
    for (int number = 1; reached; ++number) {
      SCOPED_TRACE(std::to_string(number) +
                   (access == LogAccess::read_only ? ", only reads" : ", a member"));
      start_over();
      auto log = open("deletes");
      fill(*log, 20);
      ASSERT_TRUE(log->maintain_storage());
      const TopicPartition old = a_;
      HookedFiles files(machine().files);
      LogEnvironment environment{machine().clock, files, machine().random, machine().processes};
      LogOptions options = options_of();
      options.access = access;
      auto reader = open_embedded(root, environment, options, settling());
      ASSERT_TRUE(reader) << reader.error().to_string();
      files.before_call(number, [&] {
        ASSERT_TRUE(log->delete_topic(old.topic));
        fill(*log, 30);
        ASSERT_TRUE(log->maintain_storage());
      });
      FetchBuffer buffer;
      const Status fetched = (*reader)->fetch(old, offset(0), 1U << 20U, buffer);
      reached = files.was_called();
      if (!fetched) {
        EXPECT_TRUE(fetched.error().is(errc::topic_replaced)) << fetched.error().to_string();
        ++replaced;
        continue;
      }
      for (std::size_t i = 0; i < buffer.records.size(); ++i) {
        ASSERT_EQ(buffer.records[i].value->substr(0, 9), expected_a_[i].value.substr(0, 9));
      }
    }
    EXPECT_GT(replaced, 0);
  }
}

TEST_F(TopicDeletion, ends_a_compaction_that_is_under_way) {
  EmbeddedOptions options = settling();
  options.settle.compaction_step_bytes = 1;
  auto log = machine().open(options_of(), options);
  const TopicSpec spec{"latest", 1, TopicKind::events, "stock"};
  const auto write = [&](int records, const std::string& what) {
    const auto topic = log->create_topic(spec, compacted());
    ASSERT_TRUE(topic) << topic.error().to_string();
    a_ = {topic->id, partition(0)};
    for (int i = 0; i < records; ++i) {
      Transaction transaction;
      const std::string key = "k" + std::to_string(i % 3);
      const std::string value = what + std::to_string(i) + std::string(2'000, 'x');
      transaction.append(a_, {0, key, value, {}});
      ASSERT_TRUE(log->commit(transaction));
    }
    ASSERT_TRUE(log->wait_durable(log->committed()));
  };
  write(60, "old ");
  ASSERT_TRUE(log->maintain_storage());
  ASSERT_TRUE(log->maintain_storage());
  ASSERT_TRUE(log->delete_topic(a_.topic));
  write(4, "new ");
  for (int call = 0; call < 40; ++call) {
    ASSERT_TRUE(log->maintain_storage());
    ASSERT_EQ(values_of(*log, a_).size(), 4U) << call;
  }
  EXPECT_EQ(count_of(*log, "cleaning_errors"), 0U);
  EXPECT_EQ(count_of(*log, "settling_errors"), 0U);
  expect_good_directory();
}

}  // namespace
}  // namespace millrace::log
