// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A record that fails or outgrows a limit costs itself: its neighbours in the batch and the other
// tasks keep their work. Shown by counting the calls of handlers and the refused commits.
#include <gtest/gtest.h>

#include <map>

#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

/// A growing text.
struct Text {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Text, (), (text))

constexpr int steps_max = 60;

// A timer that writes more than a commit holds; records pass through.
class Flood final : public Processor<std::string, Deposited> {
 public:
  Flood(Emitter<std::string, Text> out, std::int64_t interval_ms, std::size_t texts, int* calls)
      : out_(out), interval_ms_(interval_ms), texts_(texts), calls_(calls) {}
  void open(ProcessorContext& context) override {
    context.schedule("flood", PunctuationType::wall_clock, interval_ms_,
                     [this, context](std::int64_t) mutable {
                       ++*calls_;
                       for (std::size_t i = 0; i < texts_; ++i)
                         context.emit(out_, std::to_string(i), Text{std::string(2'000, 'x')});
                     });
  }
  void process(const std::string& key, const Deposited&, ProcessorContext& context) override {
    context.emit(out_, key, Text{"deposit"});
  }

 private:
  Emitter<std::string, Text> out_;
  std::int64_t interval_ms_;
  std::size_t texts_;
  int* calls_;
};

class Isolation : public RuntimeTest {
 protected:
  // Commits that succeed or are refused are counted, so that a task that repeats itself is seen
  // without waiting for an end that never comes.
  static void step_for_a_while(Driver& driver) {
    for (int i = 0; i < steps_max; ++i)
      ASSERT_TRUE(driver.step());
  }

  static testkit::RawRecord raw_deposit(std::string key, std::string value) {
    testkit::RawRecord record;
    record.key = std::move(key);
    record.value = std::move(value);
    record.headers = {{"ce_id", "poison-1"},
                      {"ce_source", "/teller"},
                      {"ce_type", "Deposited"},
                      {"ce_specversion", "1.0"}};
    record.timestamp_ms = 1'500;
    record.partition = 0;
    return record;
  }

  // One partition of a bank takes a deposit, the record, and a deposit; returns the dead letter.
  static testkit::RawRecord letter_of(const testkit::RawRecord& record, const std::string& topic) {
    auto driver = open(bank(), {});
    driver->declare_topic("deposits", "teller");
    driver->run_until_idle();
    driver->pipe_raw("deposits", raw_deposit("anna", "{\"amount\":1}"));
    driver->pipe_raw(topic, record);
    step_for_a_while(*driver);
    driver->pipe_raw("deposits", raw_deposit("anna", "{\"amount\":2}"));
    step_for_a_while(*driver);
    EXPECT_EQ(driver->instance().status().refused_commits, 0U);
    EXPECT_EQ(totals(*driver)["anna"], 3);
    const auto dead = driver->all_raw("bank.dead-letters");
    EXPECT_EQ(dead.size(), 1U);
    return dead.empty() ? testkit::RawRecord{} : dead.front();
  }
};
INSTANTIATE_TEST_SUITE_P(On, Isolation, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Isolation, a_letter_that_is_too_large_goes_without_its_value) {
  const auto letter = letter_of(raw_deposit("anna", std::string(1'048'400, 'x')), "deposits");
  EXPECT_EQ(letter.key, "anna");
  EXPECT_FALSE(letter.value);
  EXPECT_EQ(letter.header("ce_id"), "poison-1");
  EXPECT_EQ(letter.header("dl-omitted"), "value");
  EXPECT_EQ(letter.header("dl-offset"), "1");
  EXPECT_EQ(letter.header("dl-code"), "codec.malformed");
}

TEST_P(Isolation, a_letter_whose_headers_are_too_large_goes_without_them) {
  auto record = raw_deposit("anna", "{");
  record.headers.emplace_back("much", std::string(1'048'420, 'h'));
  const auto letter = letter_of(record, "deposits");
  EXPECT_EQ(letter.key, "anna");
  EXPECT_TRUE(letter.header("much").empty());
  EXPECT_EQ(letter.header("dl-omitted"), "value, headers");
  EXPECT_EQ(letter.header("dl-topic"), "deposits");
  EXPECT_EQ(letter.header("dl-offset"), "1");
}

TEST_P(Isolation, a_letter_whose_key_is_too_large_goes_without_anything_but_its_origin) {
  auto record = raw_deposit(std::string(1'048'550, 'k'), "x");
  record.headers.clear();
  const auto letter = letter_of(record, "deposits");
  EXPECT_FALSE(letter.key);
  EXPECT_FALSE(letter.value);
  EXPECT_EQ(letter.header("dl-omitted"), "value, headers, key");
  EXPECT_EQ(letter.header("dl-topic"), "deposits");
  EXPECT_EQ(letter.header("dl-partition"), "0");
  EXPECT_EQ(letter.header("dl-offset"), "1");
  EXPECT_EQ(letter.header("dl-code"), "codec.malformed");
}

// What replays it adds where the letter stands, in place of the reason.
TEST_P(Isolation, a_letter_of_any_size_can_be_replayed) {
  auto driver = open(bank());
  driver->declare_topic("deposits", "teller");
  driver->run_until_idle();
  const std::size_t limit = driver->log().options().max_record_bytes;
  for (std::size_t less = 1'200; less >= 160; less -= 80)
    driver->pipe_raw("deposits", raw_deposit("anna", std::string(limit - less, 'x')));
  driver->run_until_idle();
  auto letters = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(letters.size(), 14U);
  EXPECT_TRUE(letters.front().value.has_value());
  EXPECT_FALSE(letters.back().value.has_value());
  for (testkit::RawRecord& letter : letters) {
    std::erase_if(letter.headers, [](const auto& header) {
      return header.first == "dl-reason" || header.first == "dl-code";
    });
    letter.headers.emplace_back("dl-replay-of", std::string(300, 'p'));
    EXPECT_NO_THROW(driver->pipe_raw("bank.retry", letter));
  }
}

// Headers that only say where a letter comes from may be anybody's.
TEST_P(Isolation, a_replay_with_an_origin_that_is_too_large_leaves_a_letter_that_fits) {
  auto record = raw_deposit("anna", "{");
  record.headers.emplace_back("dl-sub-topology", "bank");
  record.headers.emplace_back("dl-topic", "deposits");
  record.headers.emplace_back("dl-partition", "0");
  record.headers.emplace_back("dl-offset", "7");
  record.headers.emplace_back("dl-attempts", std::string(1'048'000, '1'));
  const auto letter = letter_of(record, "bank.retry");
  EXPECT_EQ(letter.header("dl-topic"), "deposits");
  EXPECT_EQ(letter.header("dl-offset"), "7");
}

TEST_P(Isolation, a_key_whose_list_outgrows_the_limit_costs_that_key_alone) {
  std::map<std::string, int> calls;
  TopologyBuilder builder("lists", 1);
  builder.stream<std::string, Text>("texts").group_by_key().aggregate(
      Text{},
      [&calls](const std::string& key, const Text& text, Text so_far) {
        ++calls[key];
        so_far.text += text.text;
        return so_far;
      },
      "lists");
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  auto driver = open(*built);
  driver->declare_topic("texts", "writer", 1);
  driver->run_until_idle();
  for (int i = 0; i < 20; ++i) {
    driver->pipe("texts", std::string("large"), Text{std::string(64U << 10U, 'x')}, 1'000 + i);
    for (int k = 0; k < 10; ++k)
      driver->pipe("texts", "small-" + std::to_string(k), Text{"y"}, 1'000 + i);
  }
  driver->run_until_idle();

  EXPECT_EQ(calls["large"], 20);
  const auto lists = driver->store<std::string, Text>("lists");
  for (int k = 0; k < 10; ++k) {
    const std::string key = "small-" + std::to_string(k);
    EXPECT_EQ(calls[key], 20) << key;
    EXPECT_EQ(lists.get(key)->text, std::string(20, 'y'));
  }
  EXPECT_EQ(driver->instance().status().refused_commits, 0U);
  // 15 of them fit below 1 MiB.
  EXPECT_EQ(lists.get("large")->text.size(), 15U * (64U << 10U));
  const auto dead = driver->read_raw("lists.dead-letters");
  ASSERT_EQ(dead.size(), 5U);
  for (const auto& letter : dead) {
    EXPECT_EQ(letter.key, "large");
    EXPECT_EQ(letter.header("dl-code"), "log.too_large");
    const std::string reason = letter.header("dl-reason");
    for (const char* part : {"store lists", "\"large\"", "1048", "1048588", "max_record_bytes"})
      EXPECT_NE(reason.find(part), std::string::npos) << part << " in: " << reason;
  }
}

// How often each deposit is handled when those with a negative amount throw.
class Throwing : public Isolation {
 protected:
  static std::map<std::int64_t, int> calls_with(int partitions, int failing_partitions,
                                                std::uint64_t* dead_letters) {
    std::map<std::int64_t, int> calls;
    BankOptions options;
    options.on_process = [&calls](const std::string&, const Deposited& deposit) {
      ++calls[deposit.amount];
      if (deposit.amount < 0) throw std::runtime_error("no negative amounts");
    };
    auto driver = open(bank(options));
    driver->declare_topic("deposits", "teller", partitions);
    driver->run_until_idle();
    std::int64_t amount = 0;
    for (int i = 0; i < 6; ++i) {
      for (int p = 0; p < partitions; ++p) {
        ++amount;
        const bool fails = p < failing_partitions && i == 3;
        testkit::RawRecord record = raw_deposit(
            "account-" + std::to_string(p),
            "{\"amount\":" + std::to_string(fails ? -1'000 - amount : 1'000 + amount) + "}");
        record.partition = p;
        driver->pipe_raw("deposits", record);
      }
    }
    driver->run_until_idle();
    *dead_letters = driver->instance().status().dead_letters;
    EXPECT_EQ(driver->instance().status().refused_commits, 0U);
    EXPECT_TRUE(without_gap_or_repeat(driver->read<std::string, Balance>("bank.balances")));
    return calls;
  }
};
INSTANTIATE_TEST_SUITE_P(On, Throwing, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Throwing, records_of_three_of_four_tasks_cost_themselves_alone) {
  std::uint64_t dead_letters = 0;
  const auto calls = calls_with(4, 3, &dead_letters);
  EXPECT_EQ(dead_letters, 3U);
  EXPECT_EQ(calls.size(), 24U);
  for (const auto& [amount, times] : calls)
    EXPECT_EQ(times, 1) << amount;
}

TEST_P(Throwing, records_of_fifteen_of_sixteen_tasks_cost_themselves_alone) {
  std::uint64_t dead_letters = 0;
  const auto calls = calls_with(16, 15, &dead_letters);
  EXPECT_EQ(dead_letters, 15U);
  EXPECT_EQ(calls.size(), 96U);
  for (const auto& [amount, times] : calls)
    EXPECT_EQ(times, 1) << amount;
}

TEST_P(Isolation, a_record_with_more_outputs_than_a_transaction_holds_costs_itself_alone) {
  int calls = 0;
  TopologyBuilder builder("many", 1);
  builder.stream<std::string, Deposited>("deposits")
      .flat_map_values([&calls](const Deposited& deposit) {
        ++calls;
        return std::vector<Text>(static_cast<std::size_t>(deposit.amount),
                                 Text{std::string(200'000, 'x')});
      })
      .to("many.texts");
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  auto driver = open(*built);
  driver->declare_topic("deposits", "teller", 1);
  driver->run_until_idle();
  // 80 MB is above the limit of every log, 4 MiB or 64 MiB.
  const std::int64_t too_many = driver->log().options().max_transaction_bytes / 200'000 + 10;
  for (const std::int64_t amount : {std::int64_t{1}, too_many, std::int64_t{2}, std::int64_t{1}})
    driver->pipe("deposits", std::string("anna"), Deposited{amount}, 1'000);
  driver->run_until_idle();
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(driver->instance().status().refused_commits, 0U);
  EXPECT_EQ(driver->read_raw("many.texts").size(), 4U);
  const auto dead = driver->read_raw("many.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].header("dl-code"), "log.too_large");
  EXPECT_NE(dead[0].header("dl-reason").find("max_transaction_bytes"), std::string::npos);
}

TEST_P(Isolation, a_firing_that_writes_more_than_a_commit_holds_fails_once_with_its_own_code) {
  constexpr std::int64_t period_ms = 60'000;
  auto world = make_world();
  world->set_session_timeout_ms(20 * period_ms);
  const std::size_t texts =
      world->connect({})->options().max_transaction_bytes / 2'000;  // before any envelope
  int calls = 0;
  TopologyBuilder builder("flood", 1);
  const auto out = builder.emitter<std::string, Text>("out");
  builder.stream<std::string, Deposited>("deposits")
      .process<Flood>("flood", out, period_ms, texts, &calls);
  builder.stream(out).to("flood.texts");
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  Driver driver(std::move(world), *built);
  driver.declare_topic("deposits", "teller", 1);
  driver.run_until_idle();
  for (int period = 1; period <= 3; ++period) {
    driver.pipe("deposits", std::string("anna"), Deposited{1}, 1'000 + period);
    driver.advance_ms(period_ms);
    EXPECT_EQ(calls, period);
    EXPECT_EQ(driver.instance().status().failed_firings, static_cast<std::uint64_t>(period));
  }
  EXPECT_EQ(driver.instance().status().refused_commits, 0U);
  EXPECT_EQ(driver.instance().status().skipped, 0U);
  EXPECT_EQ(driver.read_raw("flood.texts").size(), 3U);
  int reports = 0;
  for (const std::string& event : driver.events()) {
    if (event.find("stream.firing_too_large") == std::string::npos) continue;
    ++reports;
    for (const char* part : {"error: ", "timer flood.flood", "max_transaction_bytes"})
      EXPECT_NE(event.find(part), std::string::npos) << event;
  }
  EXPECT_EQ(reports, 3);
}

TEST_P(Isolation, an_output_above_the_record_limit_costs_its_record_alone) {
  int calls = 0;
  TopologyBuilder builder("long", 1);
  builder.stream<std::string, Deposited>("deposits")
      .map_values([&calls](const Deposited& deposit) {
        ++calls;
        return Text{std::string(static_cast<std::size_t>(deposit.amount), 'x')};
      })
      .to("long.texts");
  auto built = builder.build();
  ASSERT_TRUE(built) << built.error().to_string();
  auto driver = open(*built);
  driver->declare_topic("deposits", "teller", 1);
  driver->run_until_idle();
  for (const int amount : {1, 2'000'000, 2})
    driver->pipe("deposits", std::string("anna"), Deposited{amount}, 1'000);
  driver->run_until_idle();
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(driver->instance().status().refused_commits, 0U);
  EXPECT_EQ(driver->read_raw("long.texts").size(), 2U);
  const auto dead = driver->read_raw("long.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  const std::string reason = dead[0].header("dl-reason");
  for (const char* part : {"topic long.texts", "\"anna\"", "max_record_bytes"})
    EXPECT_NE(reason.find(part), std::string::npos) << part << " in: " << reason;
}

}  // namespace
}  // namespace millrace::stream::test
