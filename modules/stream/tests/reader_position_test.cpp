// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <boost/describe/class.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/log/errors.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/log/topic_position.hpp"
#include "millrace/stream/reader.hpp"
#include "millrace/stream/record_encoder.hpp"
#include "millrace/stream/writer.hpp"

// Readers whose program keeps their position outside of the log.
namespace millrace::stream {
namespace {

struct Moored {
  std::string berth;
};
BOOST_DESCRIBE_STRUCT(Moored, (), (berth))

class ReaderPositions : public testing::Test {
 protected:
  using BoatReader = Reader<std::string, Moored>;
  static constexpr std::int32_t partitions = 3;

  void write(const std::string& key) {
    const auto writer = Writer<std::string, Moored>::open(records_, "boats");
    ASSERT_TRUE(writer->write(key, {"b1"}).wait());
  }
  Result<BoatReader> open(ReaderOptions options = {}) {
    return BoatReader::open(*log_, "boats", std::move(options));
  }
  static std::vector<std::string> keys_of(Result<BoatReader> reader) {
    std::vector<std::string> keys;
    EXPECT_TRUE(reader) << reader.error().to_string();
    EXPECT_TRUE(reader->for_each([&](const auto& event) { keys.push_back(*event.key); }));
    return keys;
  }

  log::MemoryBroker broker_{real_clock(), false};
  std::unique_ptr<log::Log> log_ = broker_.connect({.service = "port", .member = ""});
  log::Topic topic_ =
      log_->create_topic({"boats", partitions, log::TopicKind::events, "port"}).value();
  SeededRandom random_{1};
  RecordWriter records_{*log_, real_clock(), random_};
};

TEST_F(ReaderPositions, are_where_a_further_reader_continues) {
  write("a");
  write("b");
  auto first = open();
  ASSERT_EQ(first->next().value(), log::ReadOutcome::record);
  const auto kept = log::TopicPosition::from_text(first->position().to_text());
  ASSERT_TRUE(kept) << kept.error().to_string();
  EXPECT_EQ(*kept, first->position());
  EXPECT_EQ(keys_of(open({.from = ReadFrom::position(*kept)})), std::vector<std::string>{"b"});
}

TEST_F(ReaderPositions, have_nothing_of_partitions_that_were_added_since) {
  const log::TopicPosition kept = open()->position();
  ASSERT_TRUE(log_->add_partitions(topic_.id, partitions + 1));
  log::Transaction transaction;
  transaction.append({topic_.id, log::partition(partitions)}, {1, "\"added\"", std::nullopt, {}});
  ASSERT_TRUE(log_->commit(transaction));
  auto reader = open({.from = ReadFrom::position(kept)});
  ASSERT_TRUE(reader) << reader.error().to_string();
  EXPECT_EQ(reader->position().offsets, std::vector<log::Offset>(partitions + 1, log::offset(0)));
}

TEST_F(ReaderPositions, of_a_topic_that_was_made_again_are_refused) {
  write("a");
  auto reader = open();
  ASSERT_EQ(reader->next().value(), log::ReadOutcome::record);
  const log::TopicPosition kept = reader->position();
  ASSERT_TRUE(open({.from = ReadFrom::position(kept)}));
  ASSERT_TRUE(log_->delete_topic(topic_.id));
  topic_ = log_->create_topic(topic_.spec).value();
  for (int i = 0; i < 3; ++i)
    write("a");
  const std::vector<log::Offset> offsets = kept.offsets;
  EXPECT_TRUE(open({.from = ReadFrom::offsets(offsets)})) << "the offsets alone do not tell";
  for (const bool follow : {false, true}) {
    const auto refused =
        open({.from = ReadFrom::position(kept), .follow = follow, .skip_removed = true});
    ASSERT_FALSE(refused) << "it would pass over a record";
    EXPECT_TRUE(refused.error().is(log::errc::topic_replaced)) << refused.error().to_string();
  }
}

TEST_F(ReaderPositions, at_offsets_that_the_topic_has_not_are_refused) {
  log::TopicPosition kept = open()->position();
  kept.offsets[1] = log::offset(7);
  const auto refused = open({.from = ReadFrom::position(kept)});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(log::errc::out_of_range)) << refused.error().to_string();
}

}  // namespace
}  // namespace millrace::stream
