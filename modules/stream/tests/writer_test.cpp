// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/describe/class.hpp>
#include <limits>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "forwarding_log.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/fault_point.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/memory_log.hpp"
#include "tagged_serde.hpp"

namespace millrace::stream {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Opened {
  std::string customer;
};
BOOST_DESCRIBE_STRUCT(Opened, (), (customer))
struct Weighed {
  double kilograms = 0;
  std::int64_t serial = 0;
};
BOOST_DESCRIBE_STRUCT(Weighed, (), (kilograms, serial))
using Parcel = std::variant<Opened, Weighed>;

class Writers : public testing::Test {
 protected:
  static constexpr std::int32_t partitions = 4;

  Writers()
      : broker_(real_clock(), false), log_(broker_.connect({.service = "depot", .member = ""})) {
    topic_ = *log_->create_topic({"parcels", partitions, log::TopicKind::events, "depot"});
  }

  /// A record as it was read, with bytes of its own.
  struct Read {
    std::int32_t partition = 0;
    std::string key;
    std::optional<std::string> value;
    std::int64_t timestamp_ms = 0;
    std::string id;
    std::string source;
    std::string type;
    std::string correlation;
    std::string causation;
    codec::TraceContext trace;
  };
  [[nodiscard]] std::vector<Read> all() const {
    std::vector<Read> out;
    log::FetchBuffer buffer;
    for (std::int32_t partition = 0; partition < partitions; ++partition) {
      EXPECT_TRUE(
          log_->fetch({topic_.id, log::partition(partition)}, log::offset(0), 1U << 20U, buffer));
      for (const log::RecordView& record : buffer.records) {
        const auto context =
            codec::read_event_headers(record.headers.encoded(), record.headers.size());
        EXPECT_TRUE(context);
        out.push_back({partition, std::string(record.key.value_or("")),
                       record.value ? std::optional(std::string(*record.value)) : std::nullopt,
                       record.timestamp_ms, std::string(context->id), std::string(context->source),
                       std::string(context->type), std::string(context->correlation),
                       std::string(context->causation), context->trace});
      }
    }
    return out;
  }
  [[nodiscard]] Read only() const {
    const auto records = all();
    EXPECT_EQ(records.size(), 1U);
    return records.empty() ? Read{} : records.front();
  }

  SeededRandom random_{1};
  log::MemoryBroker broker_;
  std::unique_ptr<log::Log> log_;
  log::Topic topic_;
  RecordWriter records_{*log_, real_clock(), random_};
};

TEST_F(Writers, an_event_is_in_the_partition_of_its_key_with_an_envelope) {
  ManualClock clock(1'700'000'000'000);
  RecordWriter records(*log_, clock, random_);
  const auto writer = Writer<std::string, Parcel>::open(records, "parcels");
  ASSERT_TRUE(writer) << writer.error().to_string();
  ASSERT_TRUE(writer->write("p-7", Opened{"Ada"}).wait());

  const Read record = only();
  EXPECT_EQ(record.partition, partition_of("p-7", partitions));
  EXPECT_EQ(record.key, "p-7");
  EXPECT_EQ(record.value, R"({"customer":"Ada"})");
  EXPECT_EQ(record.timestamp_ms, 1'700'000'000'000);
  EXPECT_EQ(record.source, "/depot");
  EXPECT_EQ(record.type, "Opened");
  EXPECT_EQ(record.correlation, "");
  EXPECT_EQ(record.causation, "");
  EXPECT_FALSE(record.trace.valid());
}

TEST_F(Writers, what_is_said_of_an_event_is_in_its_envelope) {
  const auto writer = Writer<std::string, Parcel>::open(records_, "parcels", "/gate/2");
  ASSERT_TRUE(writer
                  ->write("p-7", Weighed{2.5, 9},
                          {.id = "w-1",
                           .time_ms = 12'345,
                           .correlation = "visit-3",
                           .causation = "o-1",
                           .trace = {1, 2, 3, 1}})
                  .wait());
  const Read record = only();
  EXPECT_EQ(record.id, "w-1");
  EXPECT_EQ(record.timestamp_ms, 12'345);
  EXPECT_EQ(record.source, "/gate/2");
  EXPECT_EQ(record.type, "Weighed");
  EXPECT_EQ(record.correlation, "visit-3");
  EXPECT_EQ(record.causation, "o-1");
  EXPECT_EQ(record.trace.span, 3U);
}

TEST_F(Writers, ids_differ_among_the_events_of_all_writers_of_a_source) {
  const auto one = Writer<std::string, Parcel>::open(records_, "parcels");
  const auto copy = *one;
  RecordWriter others(*log_, real_clock(), random_);
  const auto other = Writer<std::string, Parcel>::open(others, "parcels");
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(one->write("p", Opened{}).wait());
    ASSERT_TRUE(copy.write("p", Opened{}).wait());
    ASSERT_TRUE(other->write("p", Opened{}).wait());
  }
  std::set<std::string> ids;
  for (const Read& record : all())
    ids.insert(record.id);
  EXPECT_EQ(ids.size(), 30U);
}

TEST_F(Writers, many_events_are_one_commit_in_the_order_of_the_calls) {
  const auto writer = Writer<std::string, Parcel>::open(records_, "parcels");
  std::vector<Written> written;
  for (int i = 0; i < 100; ++i)
    written.push_back(writer->write("p", Opened{std::to_string(i)}));
  std::set<std::uint64_t> positions;
  for (const Written& one : written) {
    const auto position = one.wait();
    ASSERT_TRUE(position);
    positions.insert(position->position);
  }
  EXPECT_EQ(positions.size(), 1U);
  const auto records = all();
  ASSERT_EQ(records.size(), 100U);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(records[static_cast<std::size_t>(i)].value,
              "{\"customer\":\"" + std::to_string(i) + "\"}");
  }
}

TEST_F(Writers, the_position_is_the_end_of_the_commit) {
  broker_.set_manual_durability(true);
  const auto writer = Writer<std::string, Parcel>::open(records_, "parcels");
  const auto position = writer->write("p", Opened{}).wait();
  ASSERT_TRUE(position);
  EXPECT_EQ(*position, log_->committed());
  broker_.make_durable();
  EXPECT_TRUE(log_->wait_durable(*position));
}

TEST_F(Writers, an_erased_key_has_a_record_without_a_value) {
  const auto variants = Writer<std::string, Parcel>::open(records_, "parcels");
  ASSERT_TRUE(variants->erase("p-7", {.id = "e-1"}).wait());
  const auto plain = Writer<std::string, Opened>::open(records_, "parcels");
  ASSERT_TRUE(plain->erase("p-7", {.id = "e-2"}).wait());
  const auto records = all();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].value, std::nullopt);
  EXPECT_EQ(records[0].type, "");  // which of them was erased is not known
  EXPECT_EQ(records[1].value, std::nullopt);
  EXPECT_EQ(records[1].type, "Opened");
}

TEST_F(Writers, an_event_without_an_encoded_form_is_refused_alone) {
  const auto writer = Writer<std::string, Parcel>::open(records_, "parcels");
  const Written first = writer->write("p", Opened{"a"});
  const Written nan = writer->write("p", Weighed{std::numeric_limits<double>::quiet_NaN(), 1});
  const Written wide = writer->write("p", Weighed{1, std::int64_t{1} << 60U});
  const Written last = writer->write("p", Opened{"b"});
  ASSERT_FALSE(nan.wait());
  EXPECT_TRUE(nan.wait().error().is(millrace::errc::invalid_argument));
  EXPECT_THAT(nan.wait().error().message(), HasSubstr("kilograms"));
  EXPECT_THAT(nan.wait().error().message(), HasSubstr("parcels"));
  ASSERT_FALSE(wide.wait());
  EXPECT_THAT(wide.wait().error().message(), HasSubstr("serial"));
  EXPECT_TRUE(first.wait());
  EXPECT_TRUE(last.wait());
  EXPECT_EQ(all().size(), 2U);
}

TEST_F(Writers, an_exception_of_a_serde_refuses_the_event_and_a_simulated_death_is_passed_on) {
  const auto own = test::tagged();
  const auto writer =
      Writer<std::string, Opened>::open(records_, "parcels", {}, serde(codec::key_serde(), own));
  own->on_encode = [] { throw 7; };
  const Written refused = writer->write("p1", Opened{"anna"});
  ASSERT_FALSE(refused.wait());
  EXPECT_EQ(refused.wait().error().code(), millrace::errc::invalid_argument);
  EXPECT_THAT(refused.wait().error().message(), HasSubstr("topic parcels"));
  own->on_encode = [] { throw SimulatedDeath{"serde"}; };
  EXPECT_THROW(static_cast<void>(writer->write("p2", Opened{"anna"})), SimulatedDeath);
  own->on_encode = nullptr;
  EXPECT_TRUE(writer->write("p3", Opened{"anna"}).wait());
  EXPECT_EQ(all().size(), 1U);
}

TEST_F(Writers, a_refusal_of_the_log_is_the_outcome) {
  const auto writer = Writer<std::string, Parcel>::open(records_, "parcels");
  const auto large = writer->write("p", Opened{std::string(2U << 20U, 'x')}).wait();
  ASSERT_FALSE(large);
  EXPECT_TRUE(large.error().is(log::errc::too_large));
  broker_.fail_commits(log::errc::disk_full, 1);
  const auto full = writer->write("p", Opened{}).wait();
  ASSERT_FALSE(full);
  EXPECT_TRUE(full.error().is(log::errc::disk_full));
  EXPECT_TRUE(writer->write("p", Opened{}).wait());
}

TEST_F(Writers, a_write_beyond_the_bound_commits_what_waits) {
  RecordWriter records(*log_, real_clock(), random_, 1'000);
  const auto writer = Writer<std::string, Opened>::open(records, "parcels");
  std::vector<Written> written;
  for (int i = 0; i < 30; ++i)
    written.push_back(writer->write("p", Opened{std::string(100, 'x')}));
  EXPECT_GT(all().size(), 10U);
  for (const Written& one : written)
    EXPECT_TRUE(one.wait());
  EXPECT_EQ(all().size(), 30U);
}

TEST_F(Writers, a_callback_beyond_the_bound_is_refused_as_busy) {
  RecordWriter records(*log_, real_clock(), random_, 1);
  const auto writer = Writer<std::string, Opened>::open(records, "parcels");
  const Written taken = writer->write("p", Opened{});  // the first one, whatever its size
  const Status refused =
      writer->write("p", Opened{}, {}, [](const auto&) { ADD_FAILURE() << "it was not taken"; });
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(millrace::errc::busy));
  EXPECT_TRUE(taken.wait());
}

TEST_F(Writers, threads_write_and_wait_beside_a_thread_that_runs) {
  std::thread runner([&] { records_.run(); });
  const auto writer = Writer<std::string, Opened>::open(records_, "parcels");
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 100; ++i) {
        const auto position = writer->write(std::to_string(thread), Opened{"x"}).wait();
        ASSERT_TRUE(position);
        EXPECT_LE(position->position, log_->committed().position);
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  records_.stop();
  runner.join();
  EXPECT_EQ(all().size(), 300U);
}

// Throws in each commit.
class DeadLog final : public log::ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  Result<log::Committed> commit(log::Transaction&) override { throw std::runtime_error("died"); }
};

TEST_F(Writers, a_record_whose_commit_threw_has_no_known_outcome) {
  DeadLog dead(*log_);
  RecordWriter records(dead, real_clock(), random_);
  const auto writer = Writer<std::string, Opened>::open(records, "parcels");
  const Written written = writer->write("p", Opened{});
  EXPECT_THROW(static_cast<void>(written.wait()), std::runtime_error);
  const auto outcome = written.wait();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(log::errc::outcome_unknown));
  const auto later = writer->write("p", Opened{}).wait();
  ASSERT_FALSE(later);
  EXPECT_TRUE(later.error().is(log::errc::closed));
}

TEST_F(Writers, a_callback_may_ask_for_an_outcome_that_is_known) {
  const auto writer = Writer<std::string, Parcel>::open(records_, "parcels");
  const Written refused = writer->write("p", Opened{std::string(2U << 20U, 'x')});
  std::optional<bool> committed;
  ASSERT_TRUE(writer->write("p", Opened{}, {}, [&](const auto&) { committed = !!refused.wait(); }));
  records_.commit_all();
  EXPECT_EQ(committed, false);
}

using WriterDeathTest = Writers;

TEST_F(WriterDeathTest, a_callback_that_writes_and_would_wait_ends_the_process) {
  const auto write_in_a_callback = [&] {
    const auto writer = Writer<std::string, Opened>::open(records_, "parcels");
    static_cast<void>(writer->write("p", Opened{}, {}, [&](const auto&) {
      static_cast<void>(writer->write("p", Opened{}));  // there is room
    }));
    records_.commit_all();
  };
  EXPECT_DEATH(write_in_a_callback(), "a Done does not wait for a record");
}

TEST_F(Writers, a_callback_hears_of_the_commit_or_is_not_called) {
  const auto writer = Writer<std::string, Parcel>::open(records_, "parcels");
  int calls = 0;
  ASSERT_TRUE(writer->write("p", Opened{}, {.id = "o-1"}, [&](const auto& outcome) {
    EXPECT_TRUE(outcome);
    ++calls;
  }));
  const Status refused =
      writer->write("p", Opened{std::string(2U << 20U, 'x')}, {}, [&](const auto&) { ++calls; });
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(log::errc::too_large));
  records_.commit_all();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(only().id, "o-1");
}

TEST_F(Writers, a_topic_that_may_not_be_written_is_refused_at_the_opening) {
  const auto unknown = Writer<std::string, Parcel>::open(records_, "letters");
  ASSERT_FALSE(unknown);
  EXPECT_TRUE(unknown.error().is(log::errc::unknown_topic));

  const auto shop = broker_.connect({.service = "shop", .member = ""});
  RecordWriter of_shop(*shop, real_clock(), random_);
  const auto foreign = Writer<std::string, Parcel>::open(of_shop, "parcels");
  ASSERT_FALSE(foreign);
  EXPECT_TRUE(foreign.error().is(log::errc::not_owner));

  ASSERT_TRUE(log_->create_topic({"depot.own", 1, log::TopicKind::private_topic, "depot"}));
  const auto own = Writer<std::string, Parcel>::open(records_, "depot.own");
  ASSERT_FALSE(own);
  EXPECT_TRUE(own.error().is(millrace::errc::invalid_argument));
  EXPECT_THAT(own.error().message(), HasSubstr("depot.own is private to service depot"));
}

TEST_F(Writers, any_service_may_send_a_command) {
  ASSERT_TRUE(log_->create_topic({"depot.commands", 1, log::TopicKind::commands, "depot"}));
  const auto shop = broker_.connect({.service = "shop", .member = ""});
  RecordWriter of_shop(*shop, real_clock(), random_);
  const auto commands = Writer<std::string, Opened>::open(of_shop, "depot.commands");
  ASSERT_TRUE(commands);
  EXPECT_TRUE(commands->write("p", Opened{"Ada"}).wait());
}

}  // namespace
}  // namespace millrace::stream
