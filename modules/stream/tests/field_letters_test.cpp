// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// What public bug reports on other systems describe, tried on ours: docs/field-reports.md names the
// report behind each test.
#include <gtest/gtest.h>

#include <algorithm>

#include "field_reports.hpp"
#include "millrace/base/text.hpp"

namespace millrace::stream::test {
namespace {

class FieldLetters : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, FieldLetters, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(FieldLetters, what_is_thrown_that_is_no_std_exception_costs_its_record_alone) {
  BankOptions bank_options;
  bank_options.on_process = [](const std::string&, const Deposited& deposit) {
    if (deposit.amount == 2) throw 42;
  };
  auto driver = open_bank({}, bank_options);
  for (std::int64_t amount = 1; amount <= 3; ++amount)
    deposit(*driver, "anna", amount, 1'000 + amount);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 1 + 3);
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].header("dl-code"), "stream.handler_failed");
  EXPECT_FALSE(dead[0].header("dl-reason").empty());
}

TEST_P(FieldLetters, what_open_throws_is_an_error_that_names_the_processor) {
  for (const bool standard : {true, false}) {
    DeskOptions options;
    options.on_process = add;
    options.on_open = [=] {
      if (standard) throw std::runtime_error("no such table");
      throw 42;
    };
    auto driver = open(desk(options));
    driver->declare_topic("deposits", "teller");
    const auto error = error_of(*driver);
    ASSERT_TRUE(error);
    EXPECT_TRUE(error->is(errc::handler_failed)) << error->to_string();
    EXPECT_NE(error->message().find("opening desk"), std::string::npos) << error->to_string();
  }
}

TEST_P(FieldLetters, a_reason_of_any_length_is_cut_between_two_characters) {
  std::string essay = "x";
  for (int i = 0; i < 1'000'000; ++i)
    essay += "\u00e9";
  BankOptions bank_options;
  bank_options.on_process = [&](const std::string&, const Deposited& deposit) {
    if (deposit.amount == 2) throw std::runtime_error(essay);
  };
  auto driver = open_bank({}, bank_options);
  deposit(*driver, "anna", 2);
  deposit(*driver, "anna", 3);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 3);
  const auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].header("dl-omitted"), "");
  const std::string reason = dead[0].header("dl-reason");
  EXPECT_GT(reason.size(), 1'000U);
  EXPECT_LE(reason.size(), 2'000U);
  std::size_t at = 0;
  while (at < reason.size()) {
    const std::size_t length = utf8_length(std::string_view(reason).substr(at));
    ASSERT_GT(length, 0U) << "at byte " << at << " of " << reason.size();
    at += length;
  }
  for (const std::string& event : driver->events())
    EXPECT_LE(event.size(), 4'100U);
}

TEST_P(FieldLetters, a_dead_letter_keeps_headers_of_any_kind_in_their_order) {
  using std::string_literals::operator""s;
  auto driver = open_bank();
  testkit::RawRecord record;
  record.key = "anna";
  record.value = "{\"amount\": \xff";
  record.timestamp_ms = 1'500;
  record.headers = {{"ce_id", "poison-1"},
                    {"ce_source", "/teller"},
                    {"ce_type", "Deposited"},
                    {"ce_specversion", "1.0"},
                    {"stamp", "first"},
                    {"stamp", "second"},
                    {"no-value", std::nullopt},
                    {"empty", ""},
                    {"bytes", "\x00\xff\xc3\x28"s}};
  driver->pipe_raw("deposits", record);
  driver->run_until_idle();
  auto dead = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(dead.size(), 1U);
  const auto as_it_came = [&](const testkit::RawRecord& letter) {
    EXPECT_EQ(letter.key, record.key);
    EXPECT_EQ(letter.value, record.value);
    EXPECT_EQ(letter.timestamp_ms, record.timestamp_ms);
    ASSERT_GT(letter.headers.size(), record.headers.size());
    EXPECT_TRUE(std::equal(record.headers.begin(), record.headers.end(), letter.headers.begin()));
    for (std::size_t i = record.headers.size(); i < letter.headers.size(); ++i)
      EXPECT_TRUE(letter.headers[i].first.starts_with("dl-")) << letter.headers[i].first;
  };
  as_it_came(dead[0]);
  // Back it is what it was, and each round adds nothing to it.
  dead[0].partition = std::stoi(dead[0].header("dl-partition"));
  driver->pipe_raw("bank.retry", dead[0]);
  driver->run_until_idle();
  const auto again = driver->read_raw("bank.dead-letters");
  ASSERT_EQ(again.size(), 1U);
  as_it_came(again[0]);
  EXPECT_EQ(again[0].headers.size(), dead[0].headers.size());
}

}  // namespace
}  // namespace millrace::stream::test
