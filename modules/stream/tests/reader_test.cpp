// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/describe/class.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "forwarding_log.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/stream/record_encoder.hpp"
#include "millrace/stream/writer.hpp"

namespace millrace::stream {
namespace {

using log::ReadOutcome;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t no_deadline = std::numeric_limits<std::int64_t>::max();

struct Arrived {
  std::string dock;
};
BOOST_DESCRIBE_STRUCT(Arrived, (), (dock))
struct Departed {
  std::int64_t crates = 0;
};
BOOST_DESCRIBE_STRUCT(Departed, (), (crates))
using Ship = std::variant<Arrived, Departed>;

/// A log whose partitions begin later, as after retention.
class ShortenedLog final : public log::ForwardingLog {
 public:
  ShortenedLog(log::Log& log, log::Offset start) : ForwardingLog(log), start_(start) {}
  void begin_at(log::Offset start) { start_ = start; }
  Result<log::Offset> start_offset(log::TopicPartition /*partition*/) override { return start_; }
  Result<std::vector<log::Offset>> start_offsets(
      std::span<const log::TopicPartition> partitions) override {
    return std::vector<log::Offset>(partitions.size(), start_);
  }
  Status fetch(log::TopicPartition partition, log::Offset from, std::size_t max_bytes,
               log::FetchBuffer& buffer) override {
    if (from < start_) return fail(log::errc::out_of_range, "removed");
    return ForwardingLog::fetch(partition, from, max_bytes, buffer);
  }

 private:
  log::Offset start_;
};

/// A log that was opened to read, and has no groups.
class LogWithoutGroups final : public log::ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  Result<log::GroupId> group(std::string_view /*name*/) override {
    return fail(log::errc::read_only, "cannot create the group");
  }
};

class Readers : public testing::Test {
 protected:
  using ShipReader = Reader<std::string, Ship>;
  static constexpr std::int32_t partitions = 3;

  Readers()
      : broker_(real_clock(), false),
        log_(broker_.connect({.service = "port", .member = "", .max_future_ms = std::nullopt})) {
    topic_ = *log_->create_topic({"ships", partitions, log::TopicKind::events, "port"});
  }

  void write(const std::string& key, const Ship& event, std::int64_t time_ms = 1'000) {
    const auto writer = Writer<std::string, Ship>::open(records_, "ships");
    ASSERT_TRUE(writer->write(key, event, {.time_ms = time_ms}).wait());
  }
  void write_undecodable(std::int32_t partition) {
    log::Transaction transaction;
    log::HeadersBuilder headers;
    headers.add("ce_id", "1").add("ce_type", "Departed");
    transaction.append({topic_.id, log::partition(partition)},
                       {1, "broken", R"({"crates":"many"})", headers.view()});
    ASSERT_TRUE(log_->commit(transaction));
  }
  /// Keys of partition 0, 1 and 2, in this order.
  [[nodiscard]] static std::vector<std::string> a_key_of_each() {
    std::vector<std::string> keys(partitions);
    for (int i = 0; std::count(keys.begin(), keys.end(), "") > 0; ++i) {
      const std::string key = "ship-" + std::to_string(i);
      keys[static_cast<std::size_t>(partition_of(key, partitions))] = key;
    }
    return keys;
  }
  [[nodiscard]] ShipReader open(ReaderOptions options = {}) {
    auto reader = ShipReader::open(*log_, "ships", std::move(options));
    EXPECT_TRUE(reader) << reader.error().to_string();
    return *std::move(reader);
  }
  /// Why a reader cannot be opened.
  [[nodiscard]] Error refusal(ReaderOptions options) {
    const auto reader = ShipReader::open(*log_, "ships", std::move(options));
    EXPECT_FALSE(reader);
    return reader ? Error(millrace::errc::busy, "it was opened") : reader.error();
  }
  /// The keys of all that can be read by now.
  static std::vector<std::string> keys_of(ShipReader& reader) {
    std::vector<std::string> keys;
    const Status read = reader.for_each([&](const ReadEvent<std::string, Ship>& event) {
      keys.push_back(event.key == nullptr ? "none" : *event.key);
    });
    EXPECT_TRUE(read) << read.error().to_string();
    return keys;
  }
  [[nodiscard]] std::vector<std::optional<log::Offset>> kept(const std::string& group) {
    std::vector<log::TopicPartition> all;
    for (std::int32_t partition = 0; partition < partitions; ++partition)
      all.push_back({topic_.id, log::partition(partition)});
    return log_->positions(log_->group(group).value(), all).value();
  }
  void set_position(const std::string& group, log::Offset position) {
    log::Transaction transaction;
    transaction.set_position(log_->group(group).value(), {topic_.id, log::partition(1)}, position);
    ASSERT_TRUE(log_->commit(transaction));
  }

  SeededRandom random_{1};
  log::MemoryBroker broker_;
  std::unique_ptr<log::Log> log_;
  log::Topic topic_;
  RecordWriter records_{*log_, real_clock(), random_};
};

TEST_F(Readers, events_come_with_their_envelope) {
  const auto writer = Writer<std::string, Ship>::open(records_, "ships");
  ASSERT_TRUE(writer
                  ->write("Argo", Departed{12},
                          {.id = "e-1", .time_ms = 5'000, .correlation = "c", .causation = "e-0"})
                  .wait());
  ASSERT_TRUE(writer->erase("Argo", {.id = "e-2", .time_ms = 6'000}).wait());
  auto reader = open();
  ASSERT_EQ(reader.next().value(), ReadOutcome::record);
  const ReadEvent<std::string, Ship>& departed = reader.event();
  EXPECT_EQ(*departed.key, "Argo");
  EXPECT_EQ(std::get<Departed>(*departed.value).crates, 12);
  EXPECT_EQ(departed.time_ms, 5'000);
  EXPECT_EQ(departed.partition.value, partition_of("Argo", partitions));
  EXPECT_EQ(departed.offset.value, 0);
  EXPECT_EQ(departed.context.id, "e-1");
  EXPECT_EQ(departed.context.type, "Departed");
  EXPECT_EQ(departed.context.source, "/port");
  EXPECT_EQ(departed.context.correlation, "c");
  EXPECT_EQ(departed.context.causation, "e-0");
  EXPECT_EQ(departed.headers.find("ce_id"), "e-1");
  ASSERT_EQ(reader.next().value(), ReadOutcome::record);
  EXPECT_EQ(*reader.event().key, "Argo");
  EXPECT_EQ(reader.event().value, nullptr);
  EXPECT_EQ(reader.event().context.id, "e-2");
  EXPECT_EQ(reader.next().value(), ReadOutcome::end);
  EXPECT_EQ(reader.next().value(), ReadOutcome::end);
}

TEST_F(Readers, all_partitions_are_read_in_the_order_of_commits) {
  const auto keys = a_key_of_each();
  std::vector<std::string> written;
  for (const std::size_t partition : {2U, 0U, 1U, 1U, 0U, 2U, 2U, 1U}) {
    // Times say the opposite.
    write(keys[partition], Arrived{}, 10'000 - static_cast<std::int64_t>(written.size()));
    written.push_back(keys[partition]);
  }
  auto reader = open();
  EXPECT_EQ(keys_of(reader), written);
  int seen = 0;
  const Status stopped = open().for_each([&](const auto&) {
    return ++seen == 2 ? Status(fail(millrace::errc::busy, "full")) : Status{};
  });
  EXPECT_TRUE(stopped.error().is(millrace::errc::busy)) << seen;
}

TEST_F(Readers, private_topics_are_read_with_the_context_that_they_keep) {
  const log::Topic topic =
      *log_->create_topic({"port.quays", 1, log::TopicKind::private_topic, "port"});
  const std::string key = "q-1";
  const Arrived value{"north"};
  codec::EventContext context;
  context.id = "e-1";
  RecordEncoder encoder;
  log::Record record =
      encoder.encode(private_record(codec::type_info<std::string>(), codec::type_info<Arrived>()),
                     &key, &value, 5);
  record.headers = encoder.private_headers(context);
  log::Transaction transaction;
  transaction.append({topic.id, log::partition(0)}, record);
  ASSERT_TRUE(log_->commit(transaction));

  auto reader = Reader<std::string, Arrived>::open(*log_, "port.quays");
  ASSERT_TRUE(reader);
  ASSERT_EQ(reader->next().value(), ReadOutcome::record);
  EXPECT_EQ(*reader->event().key, "q-1");
  EXPECT_EQ(reader->event().value->dock, "north");
  EXPECT_EQ(reader->event().context.id, "e-1");
}

TEST_F(Readers, a_reader_ends_where_the_topic_ended_at_the_opening_or_follows) {
  write("a", Arrived{});
  auto ending = open();
  auto following = open({.follow = true});
  write("b", Arrived{});
  EXPECT_THAT(keys_of(ending), ElementsAre("a"));
  EXPECT_EQ(ending.next().value(), ReadOutcome::end);
  EXPECT_THAT(keys_of(following), ElementsAre("a", "b"));
  EXPECT_EQ(following.next().value(), ReadOutcome::none_yet);
  write("c", Arrived{});
  EXPECT_THAT(keys_of(following), ElementsAre("c"));
}

TEST_F(Readers, a_reader_begins_where_it_is_asked_to) {
  write("old", Arrived{}, 1'000);
  write("new", Arrived{}, 2'000);
  auto from_end = open({.from = ReadFrom::end(), .follow = true});
  auto from_time = open({.from = ReadFrom::time(1'500)});
  auto from_later = open({.from = ReadFrom::time(9'000), .follow = true});
  EXPECT_THAT(keys_of(from_end), ElementsAre());
  EXPECT_THAT(keys_of(from_time), ElementsAre("new"));
  EXPECT_THAT(keys_of(from_later), ElementsAre());
  write("newer", Arrived{}, 3'000);
  EXPECT_THAT(keys_of(from_end), ElementsAre("newer"));
  EXPECT_THAT(keys_of(from_later), ElementsAre("newer"));

  auto first = open();
  ASSERT_EQ(first.next().value(), ReadOutcome::record);
  auto second = open({.from = ReadFrom::offsets(first.position().offsets)});
  EXPECT_THAT(keys_of(second), ElementsAre("new", "newer"));
}

TEST_F(Readers, a_group_continues_where_it_was_kept) {
  const auto keys = a_key_of_each();
  for (const std::string& key : {keys[0], keys[1], keys[1]})
    write(key, Arrived{});
  {
    auto reader = open({.group = "harbour-master"});
    EXPECT_THAT(kept("harbour-master"), ElementsAre(std::nullopt, std::nullopt, std::nullopt));
    ASSERT_EQ(reader.next().value(), ReadOutcome::record);
    broker_.fail_commits(log::errc::disk_full, 1);
    const Status failed = reader.keep_position();
    ASSERT_FALSE(failed);
    EXPECT_TRUE(failed.error().is(log::errc::disk_full));
    ASSERT_TRUE(reader.keep_position());
    EXPECT_THAT(kept("harbour-master"),
                ElementsAre(log::offset(1), log::offset(0), log::offset(0)));
    ASSERT_EQ(reader.next().value(), ReadOutcome::record);
    ASSERT_TRUE(reader.keep_position());
    ASSERT_EQ(reader.next().value(), ReadOutcome::record);  // and not kept
  }
  auto next = open({.from = ReadFrom::end(), .group = "harbour-master"});
  EXPECT_THAT(keys_of(next), ElementsAre(keys[1]));
  ASSERT_TRUE(next.keep_position());
  EXPECT_THAT(kept("harbour-master"), ElementsAre(log::offset(1), log::offset(2), log::offset(0)));
}

TEST_F(Readers, a_position_is_kept_by_readers_with_a_group_of_their_own) {
  auto without = open();
  const Status kept = without.keep_position();
  ASSERT_FALSE(kept);
  EXPECT_TRUE(kept.error().is(millrace::errc::invalid_argument));
  const Error of_a_service = refusal({.group = "orders/billing"});
  EXPECT_TRUE(of_a_service.is(millrace::errc::invalid_argument));
  EXPECT_THAT(of_a_service.message(), HasSubstr("'orders/billing'"));

  LogWithoutGroups read_only(*log_);
  write("a", Arrived{});
  auto reader = ShipReader::open(read_only, "ships", {.group = "new"});
  ASSERT_TRUE(reader) << reader.error().to_string();
  EXPECT_THAT(keys_of(*reader), ElementsAre("a"));
  EXPECT_TRUE(reader->keep_position().error().is(log::errc::read_only));
}

TEST_F(Readers, a_beginning_that_the_topic_has_not_is_refused_and_named) {
  EXPECT_TRUE(ShipReader::open(*log_, "boats").error().is(log::errc::unknown_topic));
  const Error too_few = refusal({.from = ReadFrom::offsets({log::offset(0)})});
  EXPECT_TRUE(too_few.is(millrace::errc::invalid_argument));
  EXPECT_THAT(too_few.message(), HasSubstr("ships has 3 partitions, and 1 offsets"));
  for (const bool follow : {false, true}) {
    const Error beyond =
        refusal({.from = ReadFrom::offsets({log::offset(0), log::offset(7), log::offset(0)}),
                 .follow = follow});
    EXPECT_TRUE(beyond.is(log::errc::out_of_range));
    EXPECT_THAT(beyond.message(), HasSubstr("offset 7 of topic ships, partition 1"));
    for (const log::Offset position : {log::offset(3), log::reads_no_more}) {
      set_position("lost", position);
      const Error lost = refusal({.follow = follow, .group = "lost", .skip_removed = true});
      EXPECT_TRUE(lost.is(log::errc::out_of_range));
      EXPECT_THAT(lost.message(), HasSubstr("group 'lost' is at offset"));
    }
  }
}

TEST_F(Readers, removed_records_are_an_error_or_are_skipped_and_counted) {
  const std::string key = a_key_of_each()[1];
  for (int i = 0; i < 6; ++i)
    write(key, Departed{i});
  ShortenedLog log(*log_, log::offset(0));
  const auto open_at = [&](ReaderOptions options) {
    return ShipReader::open(log, "ships", std::move(options));
  };
  const auto offset_of_next = [](Result<ShipReader>& reader) {
    EXPECT_EQ(reader->next().value(), ReadOutcome::record);
    return reader->event().offset.value;
  };
  set_position("slow", log::offset(2));
  auto from_group = open_at({.group = "slow"});
  auto from_beginning = open_at({});
  log.begin_at(log::offset(4));
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(from_group->next().error().is(log::errc::out_of_range));
  EXPECT_EQ(offset_of_next(from_beginning), 4) << "the first one that is kept";
  EXPECT_EQ(from_beginning->skipped().removed, 0U);

  const auto refused = open_at({.group = "slow"});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(log::errc::out_of_range));
  EXPECT_THAT(refused.error().message(), HasSubstr("group 'slow' is at offset 2"));
  EXPECT_THAT(refused.error().message(), HasSubstr("skip_removed"));
  auto skipping = open_at({.group = "slow", .skip_removed = true});
  EXPECT_EQ(offset_of_next(skipping), 4);
  EXPECT_EQ(skipping->skipped().removed, 2U) << "offsets 2 and 3 of partition 1";
}

TEST_F(Readers, events_of_unknown_types_are_skipped_and_counted_or_named) {
  write("a", Departed{1});
  write("b", Arrived{"north"});
  auto skipping = Reader<std::string, Arrived>::open(*log_, "ships");
  ASSERT_EQ(skipping->next().value(), ReadOutcome::record);
  EXPECT_EQ(skipping->event().value->dock, "north");
  EXPECT_EQ(skipping->skipped().unknown_type, 1U);
  EXPECT_EQ(skipping->skipped().undecodable, 0U);

  auto strict = Reader<std::string, Arrived>::open(
      *log_, "ships", {.on_unknown_type = OnUnknownType::error, .skip_undecodable = true});
  for (int i = 0; i < 2; ++i) {
    const auto unknown = strict->next();
    ASSERT_FALSE(unknown);
    EXPECT_TRUE(unknown.error().is(codec::errc::unknown_type));
    EXPECT_THAT(unknown.error().to_string(),
                HasSubstr("ships/" + std::to_string(partition_of("a", partitions)) + "@0"));
    EXPECT_THAT(unknown.error().to_string(), HasSubstr("Departed"));
  }
}

TEST_F(Readers, a_record_that_cannot_be_decoded_is_named_each_time_and_not_passed) {
  write_undecodable(1);
  write("whole", Departed{1});
  auto reader = open({.group = "strict"});
  for (int i = 0; i < 2; ++i) {
    const auto broken = reader.next();
    ASSERT_FALSE(broken);
    EXPECT_TRUE(broken.error().is(codec::errc::wrong_type));
    EXPECT_THAT(broken.error().to_string(), HasSubstr("ships/1@0"));
    EXPECT_THAT(broken.error().to_string(), HasSubstr("crates"));
  }
  EXPECT_EQ(reader.position().offsets[1], log::offset(0));
  ASSERT_TRUE(reader.keep_position());
  EXPECT_EQ(kept("strict")[1], log::offset(0));
  EXPECT_EQ(reader.wait(no_deadline), log::WaitOutcome::ready);

  auto skipping = open({.group = "strict", .skip_undecodable = true});
  EXPECT_THAT(keys_of(skipping), ElementsAre("whole"));
  EXPECT_EQ(skipping.skipped().undecodable, 1U);
}

TEST_F(Readers, a_wait_ends_with_a_record_an_interruption_or_at_the_deadline) {
  auto reader = open({.follow = true});
  EXPECT_EQ(reader.next().value(), ReadOutcome::none_yet);
  std::thread writes([&] { write("a", Arrived{}); });
  while (reader.next().value() == ReadOutcome::none_yet)
    EXPECT_EQ(reader.wait(no_deadline), log::WaitOutcome::ready);
  writes.join();
  EXPECT_EQ(*reader.event().key, "a");
  reader.interrupt();
  EXPECT_EQ(reader.wait(no_deadline), log::WaitOutcome::interrupted);
  EXPECT_EQ(reader.wait(real_clock().monotonic_ns()), log::WaitOutcome::timeout);
  auto ending = open();
  EXPECT_THAT(keys_of(ending), ElementsAre("a"));
  EXPECT_EQ(ending.wait(no_deadline), log::WaitOutcome::ready);
}

}  // namespace
}  // namespace millrace::stream
