// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "millrace/log/errors.hpp"
#include "runtime_fixture.hpp"

// Records of types that their source does not read: skipped, or errors, and counted by topic and
// type.
namespace millrace::stream::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// One that no variant of these tests names in a member.
struct Sealed {
  std::variant<Deposited, Closed> content;
};
BOOST_DESCRIBE_STRUCT(Sealed, (), (content))

testkit::RawRecord of_type(const std::string& type, std::string value = "{}") {
  testkit::RawRecord record;
  record.key = "anna";
  record.value = std::move(value);
  record.headers = {
      {"ce_id", "1"}, {"ce_source", "/teller"}, {"ce_type", type}, {"ce_specversion", "1.0"}};
  record.timestamp_ms = 1'500;
  return record;
}

class UnknownType : public RuntimeTest {
 protected:
  template <class V>
  static Topology counts(OnUnknownType on_unknown_type) {
    TopologyBuilder builder("bank");
    builder.stream<std::string, V>("deposits", on_unknown_type).group_by_key().count("counts");
    return *builder.build();
  }
  template <class V>
  static std::unique_ptr<Driver> open_counts(OnUnknownType on_unknown_type,
                                             InstanceOptions options = {}) {
    auto driver = open(counts<V>(on_unknown_type), std::move(options));
    driver->declare_topic("deposits", "teller", 1);
    driver->run_until_idle();
    return driver;
  }
  /// Runs until so many input records are committed. Of each unknown type `topic type records`.
  static std::vector<std::string> counted(Driver& driver, std::uint64_t records) {
    driver.run_until([&] { return driver.instance().status().records == records; });
    driver.run_until_idle();  // until what it wrote can be read
    std::vector<std::string> counted;
    for (const auto& [topic, type, count] : driver.instance().unknown_types())
      counted.push_back(topic + " " + type + " " + std::to_string(count));
    return counted;
  }
  static std::int64_t of_anna(Driver& driver) {
    return driver.store<std::string, std::int64_t>("counts").get("anna").value_or(0);
  }
};
INSTANTIATE_TEST_SUITE_P(On, UnknownType, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(UnknownType, is_skipped_and_counted_by_topic_and_type) {
  TopologyBuilder builder("bank");
  builder.stream<std::string, Deposited>("deposits").group_by_key().count("counts");
  builder.stream<std::string, std::variant<Closed>>("accounts").for_each([](const auto&) {});
  auto driver = open(*builder.build());
  driver->declare_topic("deposits", "teller", 1);
  driver->declare_topic("accounts", "teller", 1);
  driver->run_until_idle();
  EXPECT_THAT(driver->instance().unknown_types(), IsEmpty());

  driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 1'000);
  driver->pipe_raw("deposits", of_type("com.bank.opened.v1"));
  driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 1'000);
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->pipe_raw("accounts", of_type("com.bank.opened.v1"));
  driver->pipe("accounts", std::string("anna"), Closed{"moved"}, 1'000);
  EXPECT_THAT(counted(*driver, 6), ElementsAre("accounts com.bank.opened.v1 1", "deposits Closed 2",
                                               "deposits com.bank.opened.v1 1"));
  EXPECT_EQ(driver->instance().status().skipped, 4U);
  EXPECT_EQ(of_anna(*driver), 1);
  EXPECT_THAT(driver->read_raw("bank.dead-letters"), IsEmpty());
}

TEST_P(UnknownType, is_counted_once_when_its_commit_is_refused_and_comes_again) {
  auto driver = open_counts<Deposited>(OnUnknownType::skip);
  driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 1'000);
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->world().fail_commits(log::errc::fenced, 2);
  driver->run_until([&] { return driver->instance().status().refused_commits == 1; });
  EXPECT_THAT(driver->instance().unknown_types(), IsEmpty());
  EXPECT_THAT(counted(*driver, 2), ElementsAre("deposits Closed 1"));
}

TEST_P(UnknownType, becomes_a_dead_letter_where_it_is_an_error) {
  auto driver = open_counts<Deposited>(OnUnknownType::error);
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->pipe_raw("deposits", of_type("com.bank.opened\x1b.v1", "{\"by\":\"berta\"}"));
  driver->pipe("deposits", std::string("anna"), Deposited{2}, 2'000);
  EXPECT_THAT(counted(*driver, 3), ElementsAre("deposits com.bank.opened\\x1b.v1 1"));
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].header("dl-code"), "codec.unknown_type");
  EXPECT_THAT(dead[0].header("dl-reason"), HasSubstr("'com.bank.opened\\x1b.v1'"));
  EXPECT_EQ(dead[0].value, "{\"by\":\"berta\"}");
  EXPECT_EQ(driver->instance().status().dead_letters, 1U);
  EXPECT_EQ(driver->instance().status().skipped, 0U);
  EXPECT_EQ(of_anna(*driver), 2);
}

TEST_P(UnknownType, that_a_variant_does_not_name_becomes_a_dead_letter_too) {
  auto driver = open_counts<std::variant<Deposited>>(OnUnknownType::error);
  driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 1'000);
  EXPECT_THAT(counted(*driver, 1), ElementsAre("deposits Closed 1"));
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].header("dl-code"), "codec.unknown_type");
}

TEST_P(UnknownType, that_is_an_error_ends_the_instance_where_the_policy_says_so) {
  InstanceOptions options;
  options.on_deserialization_error = ErrorAction::fail;
  auto driver = open_counts<Deposited>(OnUnknownType::error, options);
  driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 1'000);
  const auto step = driver->step();
  ASSERT_FALSE(step);
  EXPECT_TRUE(step.error().is(codec::errc::unknown_type));
  EXPECT_THAT(step.error().message(), HasSubstr("deposits/0@0"));
  EXPECT_THAT(step.error().message(), HasSubstr("'Closed'"));
}

TEST_P(UnknownType, that_is_an_error_is_skipped_where_the_policy_says_so) {
  InstanceOptions options;
  options.on_deserialization_error = ErrorAction::skip;
  auto driver = open_counts<Deposited>(OnUnknownType::error, options);
  driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 1'000);
  EXPECT_THAT(counted(*driver, 1), ElementsAre("deposits Closed 1"));
  EXPECT_EQ(driver->instance().status().skipped, 1U);
  EXPECT_THAT(driver->read_raw("bank.dead-letters"), IsEmpty());
}

TEST_P(UnknownType, of_a_dead_letter_is_read_by_a_build_that_knows_it) {
  auto driver = open_counts<Deposited>(OnUnknownType::error);
  driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 1'000);
  EXPECT_THAT(counted(*driver, 1), ElementsAre("deposits Closed 1"));
  auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  driver->deploy(counts<AccountEvent>(OnUnknownType::error));
  dead[0].partition = 0;
  driver->pipe_raw("bank.retry", dead[0]);
  driver->run_until_idle();
  EXPECT_EQ(of_anna(*driver), 1);
  EXPECT_THAT(driver->instance().unknown_types(), IsEmpty());
  EXPECT_THAT(driver->read_raw("bank.dead-letters"), IsEmpty());
}

TEST_P(UnknownType, of_a_replay_is_counted_under_the_topic_that_it_came_from) {
  auto driver = open_counts<Deposited>(OnUnknownType::error);
  driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 1'000);
  EXPECT_THAT(counted(*driver, 1), ElementsAre("deposits Closed 1"));
  auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  dead[0].partition = 0;
  driver->pipe_raw("bank.retry", dead[0]);
  EXPECT_THAT(counted(*driver, 2), ElementsAre("deposits Closed 2"));
  const auto again = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].header("dl-attempts"), "2");
}

TEST_P(UnknownType, changes_nothing_in_a_table_whose_topic_is_its_changelog) {
  TopologyBuilder builder("bank");
  builder.table<std::string, Deposited>("deposits", "last", OnUnknownType::error);
  auto driver = open(*builder.build());
  driver->declare_topic("deposits", "teller", 1);
  driver->run_until_idle();
  driver->pipe("deposits", std::string("anna"), Deposited{5}, 1'000);
  driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 2'000);
  EXPECT_THAT(counted(*driver, 2), ElementsAre("deposits Closed 1"));
  EXPECT_EQ(driver->read_raw("bank.dead-letters").size(), 1U);
  const auto last = [&] { return driver->store<std::string, Deposited>("last").get("anna"); };
  ASSERT_TRUE(last());
  EXPECT_EQ(last()->amount, 5);
  driver->crash_and_restart();
  driver->run_until_idle();
  ASSERT_TRUE(last());
  EXPECT_EQ(last()->amount, 5);
}

// The type of the event is known: a value in it is not, and with it what the event says.
TEST_P(UnknownType, of_a_member_is_no_unknown_event_but_a_dead_letter) {
  auto driver = open_counts<Sealed>(OnUnknownType::skip);
  driver->pipe_raw("deposits", of_type("Sealed", R"({"content":{"Deposited":{"amount":1}}})"));
  driver->pipe_raw("deposits", of_type("Sealed", R"({"content":{"Burnt":{}}})"));
  EXPECT_THAT(counted(*driver, 2), IsEmpty());
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].header("dl-code"), "codec.unknown_type");
  EXPECT_THAT(dead[0].header("dl-reason"), HasSubstr("content"));
  EXPECT_EQ(driver->instance().status().skipped, 0U);
  EXPECT_EQ(of_anna(*driver), 1);
}

}  // namespace
}  // namespace millrace::stream::test
