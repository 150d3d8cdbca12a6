// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Replayed dead letters that are for no part of the topology.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "millrace/log/library_topics.hpp"
#include "millrace/stream/reset.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class Strays : public RuntimeTest {
 protected:
  static testkit::RawRecord replay(std::vector<std::pair<string, string>> headers) {
    testkit::RawRecord record;
    record.key = "anna";
    record.value = R"({"amount":5})";
    record.headers = {{"ce_id", "poison-1"},
                      {"ce_source", "/teller"},
                      {"ce_type", "Deposited"},
                      {"ce_specversion", "1.0"}};
    record.headers.insert(record.headers.end(), headers.begin(), headers.end());
    record.timestamp_ms = 1'500;
    record.partition = 0;
    return record;
  }
  static testkit::RawRecord newer_without_part() {
    return replay({{"dl-version", "2"}, {"dl-topic", "loans"}});
  }
  static testkit::RawRecord of_part(const string& part) {
    return replay({{"dl-sub-topology", part}, {"dl-topic", "deposits"}});
  }
  static std::vector<string> reports(Driver& driver) {
    std::vector<string> found;
    std::ranges::copy_if(driver.events(), std::back_inserter(found), [](const string& event) {
      return event.find("a replayed record is skipped") != string::npos;
    });
    return found;
  }
  // The part has a position at the end of the retry topic.
  static bool passed(Driver& driver, const string& part) {
    log::Log& tool = driver.tool();
    const log::TopicPartition partition{tool.find_topic("bank.retry").value().id,
                                        log::partition(0)};
    const auto position = tool.position(tool.group("bank/" + part).value(), partition).value();
    const auto all = driver.all_raw("bank.retry");
    return position && position->value > all.back().offset;
  }
  static std::size_t letters(Driver& driver) { return driver.all_raw("bank.dead-letters").size(); }
};
INSTANTIATE_TEST_SUITE_P(On, Strays, testing::ValuesIn(runtime_backends()), backend_name);

Topology two_readers() {
  TopologyBuilder builder("bank", 1);
  builder.stream<string, Deposited>("deposits").group_by_key().count("first");
  builder.stream<string, Deposited>("loans").group_by_key().count("second");
  auto built = builder.build();
  if (!built) throw std::runtime_error(built.error().to_string());
  return *std::move(built);
}

// It reads the retry topic from its beginning, and is the first one then.
TEST_P(Strays, are_reported_once_though_a_part_gets_its_inputs_later) {
  auto driver = open(two_readers());
  driver->declare_topic("loans", "teller", 1);
  driver->pipe_raw("bank.retry", newer_without_part());
  driver->pipe_raw("bank.retry", of_part("given-up"));
  driver->run_until([&] { return letters(*driver) == 1 && !reports(*driver).empty(); });
  driver->declare_topic("deposits", "teller", 1);
  driver->run_until_idle();
  driver->pipe_raw("bank.retry", newer_without_part());
  const std::size_t replays = driver->all_raw("bank.retry").size();
  driver->run_until([&] { return passed(*driver, "first") && passed(*driver, "second"); });
  ASSERT_EQ(replays, 3U);
  driver->crash_and_restart();
  driver->run_until_idle();
  EXPECT_EQ(letters(*driver), 2U);
  EXPECT_THAT(reports(*driver), ElementsAre(HasSubstr("of part given-up")));
}

// It reads nothing before it has all of them.
TEST_P(Strays, are_reported_while_the_first_part_has_one_of_its_inputs) {
  TopologyBuilder builder("bank", 1);
  builder.stream<string, Deposited>("deposits")
      .merge(builder.stream<string, Deposited>("gifts"))
      .group_by_key()
      .count("first");
  builder.stream<string, Deposited>("loans").group_by_key().count("second");
  auto driver = open(*builder.build());
  driver->declare_topic("loans", "teller", 1);
  driver->declare_topic("deposits", "teller", 1);
  driver->pipe_raw("bank.retry", newer_without_part());
  driver->pipe_raw("bank.retry", of_part("given-up"));
  driver->run_until([&] { return passed(*driver, "second"); });
  EXPECT_EQ(letters(*driver), 1U);
  EXPECT_THAT(reports(*driver), ElementsAre(HasSubstr("of part given-up")));
}

TEST_P(Strays, of_a_part_that_was_reset_are_reported_when_it_had_not_taken_them) {
  bool broken = true;
  BankOptions options;
  options.on_process = [&](const string&, const Deposited&) {
    if (broken) throw std::runtime_error("out of order");
  };
  auto driver = open_bank({}, options);
  driver->pipe("deposits", string("anna"), Deposited{5}, 1'000);
  driver->run_until([&] { return letters(*driver) == 1; });
  auto letter = driver->all_raw("bank.dead-letters").front();
  letter.partition = std::stoi(letter.header("dl-partition"));
  broken = false;
  driver->pipe_raw("bank.retry", letter);
  driver->run_until([&] { return totals(*driver).contains("anna"); });
  driver->deploy(bank(options), [&] {
    driver->pipe_raw("bank.retry", letter);
    log::LogOptions as_bank;
    as_bank.service = "bank";
    const auto done = reset_topology(*driver->world().connect(as_bank), "bank", {}, false);
    ASSERT_TRUE(done) << done.error().to_string();
  });
  driver->run_until([&] { return !reports(*driver).empty(); });
  driver->restart();
  driver->run_until_idle();
  const auto replays = driver->all_raw("bank.retry");
  ASSERT_EQ(replays.size(), 2U);
  EXPECT_THAT(reports(*driver),
              ElementsAre(HasSubstr("@" + std::to_string(replays[1].offset) + " in bank-2/")));
}

// That position says nothing of what it had taken.
TEST_P(Strays, of_a_part_whose_positions_have_ended_are_reported) {
  auto driver = open_bank();
  log::LogOptions as_bank;
  as_bank.service = "bank";
  const auto log = driver->world().connect(as_bank);
  const log::Topic retry = log->find_topic("bank.retry").value();
  const log::GroupId given_up = log->group("bank/given-up").value();
  log::Transaction ended;
  for (std::int32_t i = 0; i < retry.spec.partitions; ++i)
    ended.set_position(given_up, {retry.id, log::partition(i)}, log::reads_no_more);
  ASSERT_TRUE(log->commit(ended));
  driver->pipe_raw("bank.retry", of_part("given-up"));
  driver->run_until([&] { return !reports(*driver).empty(); });
  EXPECT_THAT(reports(*driver), ElementsAre(HasSubstr("of part given-up")));
}

TEST_P(Strays, are_reported_without_control_characters_of_others) {
  auto driver = open_bank();
  driver->pipe_raw("bank.retry", of_part("gone\x1b[2J" + string(300, 'x')));
  driver->pipe_raw("bank.retry",
                   replay({{"dl-sub-topology", "bank"}, {"dl-topic", "gone\xc2\x9b too"}}));
  driver->run_until([&] { return reports(*driver).size() == 2; });
  EXPECT_THAT(reports(*driver), ElementsAre(EndsWith("of part gone\\x1b[2J" + string(241, 'x')),
                                            EndsWith("of topic gone\\u009b too")));
}

TEST_P(Strays, that_name_no_part_are_taken_by_none_and_reported_once) {
  auto driver = open_bank();
  driver->pipe_raw("bank.retry", replay({{"dl-topic", "deposits"}}));
  driver->pipe_raw("bank.retry", of_part("bank"));
  driver->run_until([&] { return totals(*driver).contains("anna"); });
  EXPECT_EQ(totals(*driver).at("anna"), 5);
  EXPECT_THAT(reports(*driver), ElementsAre(HasSubstr("names no part")));
  EXPECT_EQ(driver->instance().status().skipped, 1U);
}

}  // namespace
}  // namespace millrace::stream::test
