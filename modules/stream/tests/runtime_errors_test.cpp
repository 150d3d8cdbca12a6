// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "millrace/log/errors.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::SizeIs;

class Errors : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Errors, testing::ValuesIn(runtime_backends()), backend_name);

testkit::RawRecord poison(std::string value, std::string type = "Deposited") {
  testkit::RawRecord record;
  record.key = "anna";
  record.value = std::move(value);
  record.headers = {{"ce_id", "poison-1"},
                    {"ce_source", "/teller"},
                    {"ce_type", std::move(type)},
                    {"ce_specversion", "1.0"}};
  record.timestamp_ms = 1'500;
  return record;
}

TEST_P(Errors, a_record_that_does_not_decode_goes_to_the_dead_letters_as_it_came) {
  auto driver = open_bank();
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->pipe_raw("deposits", poison("{\"amount\": "));
  driver->pipe("deposits", std::string("anna"), Deposited{2}, 2'000);
  driver->run_until_idle();

  EXPECT_EQ(totals(*driver).at("anna"), 3);
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].key, "anna");
  EXPECT_EQ(dead[0].value, "{\"amount\": ");
  EXPECT_EQ(dead[0].timestamp_ms, 1'500);
  EXPECT_EQ(dead[0].header("ce_id"), "poison-1");
  EXPECT_EQ(dead[0].header("dl-topic"), "deposits");
  EXPECT_EQ(dead[0].header("dl-offset"), "1");
  EXPECT_EQ(dead[0].header("dl-partition"), std::to_string(dead[0].partition));
  EXPECT_EQ(dead[0].header("dl-attempts"), "1");
  EXPECT_EQ(dead[0].header("dl-build"), "dev");
  EXPECT_EQ(dead[0].header("dl-code"), "codec.malformed");
  EXPECT_FALSE(dead[0].header("dl-reason").empty());
  EXPECT_EQ(driver->instance().status().dead_letters, 1U);
}

TEST_P(Errors, an_event_of_another_type_is_skipped_and_counted) {
  auto driver = open_bank();
  for (int i = 0; i < 3; ++i)
    driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 1'000 + i);
  driver->run_until([&] { return driver->instance().status().records == 3; });
  driver->run_until_idle();
  EXPECT_TRUE(driver->read_raw("bank.dead-letters").empty());
  EXPECT_EQ(driver->instance().status().skipped, 3U);
  // Once, for it may be a mistake.
  EXPECT_EQ(std::count_if(driver->events().begin(), driver->events().end(),
                          [](const std::string& event) {
                            return event.find("no source reads are skipped: deposits/") !=
                                       std::string::npos &&
                                   event.ends_with(": type Closed");
                          }),
            1);
}

TEST_P(Errors, an_event_that_a_variant_does_not_name_is_left_out_without_a_word) {
  TopologyBuilder builder("bank");
  builder.stream<std::string, std::variant<Deposited>>("deposits").group_by_key().count("counts");
  auto driver = open(*builder.build());
  driver->declare_topic("deposits", "teller");
  driver->pipe("deposits", std::string("anna"), Closed{"moved"}, 1'000);
  driver->run_until([&] { return driver->instance().status().records == 1; });
  EXPECT_EQ(driver->instance().status().skipped, 1U);
  EXPECT_EQ(std::count_if(driver->events().begin(), driver->events().end(),
                          [](const std::string& event) {
                            return event.find("are skipped") != std::string::npos;
                          }),
            0);
}

TEST_P(Errors, a_handler_that_throws_in_the_middle_of_a_batch_costs_that_record_alone) {
  auto driver = open_bank();
  for (int i = 10; i < 17; ++i)
    driver->pipe("deposits", std::string("anna"), Deposited{i}, 1'000 + i);
  driver->pipe("deposits", std::string("berta"), Deposited{1}, 2'000);
  driver->run_until_idle();

  // 14 is a dead letter of the handler's own, whose effects stay; 13 threw, and left nothing.
  EXPECT_EQ(totals(*driver).at("anna"), 10 + 11 + 12 + 14 + 15 + 16);
  EXPECT_EQ(totals(*driver).at("berta"), 1);
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 2U);
  EXPECT_EQ(dead[0].header("dl-code"), "stream.handler_failed");
  EXPECT_EQ(dead[0].header("dl-reason"), "13 is no amount");
  EXPECT_EQ(dead[1].header("dl-code"), "bank.refused");
  EXPECT_TRUE(without_gap_or_repeat(driver->read<std::string, Balance>("bank.balances")));
}

TEST_P(Errors, many_failing_records_in_one_batch_all_go_to_the_dead_letters) {
  auto driver = open_bank();
  for (int i = 0; i < 50; ++i)
    driver->pipe("deposits", "account-" + std::to_string(i % 5), Deposited{i % 2 == 0 ? 13 : 1},
                 1'000 + i);
  driver->run_until_idle();
  EXPECT_EQ(driver->read_raw("bank.dead-letters").size(), 25U);
  EXPECT_EQ(driver->read_raw("bank.balances").size(), 25U);
}

TEST_P(Errors, the_policy_may_be_to_fail_or_to_skip) {
  InstanceOptions failing;
  failing.on_processing_error = ErrorAction::fail;
  auto driver = open_bank(failing);
  driver->pipe("deposits", std::string("anna"), Deposited{13}, 1'000);
  const auto step = driver->step();
  ASSERT_FALSE(step);
  EXPECT_TRUE(step.error().is(errc::handler_failed));
  EXPECT_NE(step.error().message().find("deposits/"), std::string::npos);

  InstanceOptions skipping;
  skipping.on_processing_error = ErrorAction::skip;
  auto other = open_bank(skipping);
  other->pipe("deposits", std::string("anna"), Deposited{13}, 1'000);
  other->run_until_idle();
  EXPECT_EQ(other->instance().status().skipped, 1U);
  EXPECT_TRUE(other->read_raw("bank.dead-letters").empty());
}

TEST_P(Errors, a_replayed_dead_letter_is_processed_by_its_consumer) {
  bool broken = true;
  BankOptions bank_options;
  bank_options.on_process = [&](const std::string&, const Deposited&) {
    if (broken) throw std::runtime_error("out of order");
  };
  auto driver = open_bank({}, bank_options);
  driver->pipe("deposits", std::string("anna"), Deposited{5}, 1'000);
  driver->run_until_idle();
  const auto replay = [&] {
    auto dead = driver->read_raw("bank.dead-letters");
    ASSERT_EQ(dead.size(), 1U);
    dead[0].partition = std::stoi(dead[0].header("dl-partition"));
    driver->pipe_raw("bank.retry", dead[0]);
    driver->run_until_idle();
  };
  replay();
  // Still broken: back among the dead letters, with the partition it came from at first.
  const auto again = driver->all_raw("bank.dead-letters");
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[1].header("dl-attempts"), "2");
  EXPECT_EQ(again[1].header("dl-topic"), "deposits");
  EXPECT_EQ(again[1].header("dl-offset"), "0");
  broken = false;
  replay();
  EXPECT_EQ(totals(*driver).at("anna"), 5);
  EXPECT_EQ(driver->all_raw("bank.dead-letters").size(), 2U);
}

// Reads a header of the record in hand, as of a dead letter of another service, and refuses it.
class LetterReader final : public Processor<std::string, Deposited> {
 public:
  explicit LetterReader(std::vector<std::string>& seen) : seen_(seen) {}
  void process(const std::string&, const Deposited&, ProcessorContext& context) override {
    const log::HeadersView headers = context.record().headers;
    seen_.push_back(std::string(headers.find("dl-topic").value_or("none")) + " " +
                    std::string(headers.find("dl-attempts").value_or("none")));
    throw std::runtime_error("not today");
  }

 private:
  std::vector<std::string>& seen_;
};

TEST_P(Errors, dl_headers_of_the_record_itself_are_not_believed_and_come_back_with_its_replay) {
  std::vector<std::string> seen;
  TopologyBuilder builder("bank");
  builder.stream<std::string, Deposited>("deposits").process<LetterReader>("bank", std::ref(seen));
  auto driver = open(*builder.build());
  driver->declare_topic("deposits", "teller");
  driver->run_until_idle();
  auto record = poison("{\"amount\":5}");
  for (const auto& [name, value] : std::map<std::string, std::string>{{"dl-topic", "elsewhere"},
                                                                      {"dl-attempts", "41"},
                                                                      {"dl-reason", "theirs"},
                                                                      {"dl-omitted", "value"}}) {
    record.headers.emplace_back(name, value);
  }
  driver->pipe_raw("deposits", record);
  driver->run_until_idle();
  for (const std::string attempts : {"1", "2"}) {
    const auto dead = driver->read_raw("bank.dead-letters");
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(dead[0].header("dl-topic"), "deposits");
    EXPECT_EQ(dead[0].header("dl-attempts"), attempts);
    EXPECT_EQ(dead[0].header("dl-reason"), "not today");
    EXPECT_EQ(dead[0].header("dl-omitted"), "");
    EXPECT_EQ(dead[0].header("dl-record-dl-topic"), "elsewhere");
    EXPECT_EQ(dead[0].header("dl-record-dl-reason"), "theirs");
    EXPECT_EQ(dead[0].header("dl-record-dl-omitted"), "value");
    auto replayed = dead[0];
    replayed.partition = std::stoi(replayed.header("dl-partition"));
    driver->pipe_raw("bank.retry", replayed);
    driver->run_until_idle();
  }
  EXPECT_EQ(seen, std::vector<std::string>(3, "elsewhere 41"));
}

TEST_P(Errors, a_retry_topic_with_more_partitions_than_the_input_is_read) {
  bool broken = true;
  BankOptions bank_options;
  bank_options.on_process = [&](const std::string&, const Deposited&) {
    if (broken) throw std::runtime_error("out of order");
  };
  auto driver = open(bank(bank_options));
  driver->declare_topic("deposits", "teller", 2);
  driver->run_until_idle();
  driver->pipe("deposits", std::string("anna"), Deposited{5}, 1'000);
  driver->run_until_idle();
  auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  dead[0].partition = std::stoi(dead[0].header("dl-partition"));
  broken = false;
  driver->pipe_raw("bank.retry", dead[0]);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 5);
}

// A replay of a letter of that part and topic is counted as skipped. What is reported of it.
std::vector<std::string> skipped(Driver& driver, const std::string& part, const std::string& topic,
                                 const std::string& why) {
  auto record = poison("{\"amount\":5}");
  record.partition = 0;
  record.headers.emplace_back("dl-sub-topology", part);
  record.headers.emplace_back("dl-topic", topic);
  driver.pipe_raw("bank.retry", record);
  driver.run_until([&] { return driver.instance().status().skipped > 0; });
  driver.run_until_idle();
  EXPECT_EQ(driver.instance().status().skipped, 1U);
  std::vector<std::string> reports;
  std::ranges::copy_if(driver.events(), std::back_inserter(reports), [&](const std::string& event) {
    return event.find(why) != std::string::npos;
  });
  return reports;
}

TEST_P(Errors, a_replay_for_an_input_that_is_no_more_is_reported_and_counted) {
  EXPECT_THAT(skipped(*open_bank(), "bank", "gone", "no input of this part any more"),
              ElementsAre(HasSubstr("of topic gone")));
}

TEST_P(Errors, a_replay_for_a_part_that_is_no_more_is_reported_and_counted_once) {
  EXPECT_THAT(skipped(*open_bank(), "given-up", "deposits", "no part has the name"),
              ElementsAre(HasSubstr("of part given-up")));
}

// Two parts that read the retry topic, the first one `first`.
Topology two_parts() {
  TopologyBuilder builder("bank");
  builder.stream<std::string, Deposited>("deposits").group_by_key().count("first");
  builder.stream<std::string, Deposited>("loans").group_by_key().count("second");
  return *builder.build();
}

TEST_P(Errors, a_replay_of_nobody_is_reported_by_one_part_though_the_log_does_not_answer) {
  auto driver = open(two_parts());
  driver->declare_topic("deposits", "teller");
  driver->declare_topic("loans", "teller");
  driver->run_until_idle();
  // The other part asks for its input, to know whether that one reports it.
  driver->world().fail_finding("deposits", log::errc::unavailable, 3);
  // It may say so again when the step is done again.
  EXPECT_THAT(skipped(*driver, "given-up", "deposits", "no part has the name"),
              AllOf(SizeIs(Ge(1U)), Each(HasSubstr(" in first/"))));
}

TEST_P(Errors, a_dead_letter_survives_a_crash_once) {
  auto driver = open_bank();
  driver->pipe("deposits", std::string("anna"), Deposited{13}, 1'000);
  ASSERT_TRUE(driver->step());
  driver->crash_and_restart();
  driver->run_until_idle();
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(driver->read_raw("bank.dead-letters").size(), 1U);
}

}  // namespace
}  // namespace millrace::stream::test
