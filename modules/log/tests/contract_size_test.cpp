// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "log_contract.hpp"
#include "millrace/log/record_size.hpp"

// How large a record and a transaction may be.
namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_P(LogContract, a_record_just_below_the_limit_is_taken) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  const std::string value(log->options().max_record_bytes - 100, 'x');
  put(*log, partition, "k", value);
  EXPECT_THAT(read(*log, partition), ElementsAre("k=" + value));
}

TEST_P(LogContract, the_largest_record_that_is_taken_is_the_one_that_the_rule_allows) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  const std::size_t limit = log->options().max_record_bytes;
  HeadersBuilder headers;
  headers.add("a-header", "with a value");
  std::string value(limit - 100, 'x');
  Record record{0, "k", std::string_view(value), headers.view()};
  // The lengths in front of key, value and headers have sizes of their own.
  while (record_bytes(record) < limit) {
    value.push_back('x');
    record.value = value;
  }
  ASSERT_EQ(record_bytes(record), limit);
  Transaction transaction;
  transaction.append(partition, record);
  EXPECT_TRUE(check_record_size(record, log->options()));
  EXPECT_TRUE(commit(*log, transaction).has_value());

  value.push_back('x');
  record.value = value;
  transaction.clear();
  transaction.append(partition, record);
  EXPECT_FALSE(check_record_size(record, log->options()));
  const auto committed = commit(*log, transaction);
  ASSERT_FALSE(committed.has_value());
  EXPECT_TRUE(committed.error().is(errc::too_large)) << committed.error().to_string();
}

TEST_P(LogContract, a_record_above_the_limit_is_refused_naming_the_limit_and_nothing_is_written) {
  auto log = connect();
  const auto partition = make_topic(*log, "t");
  Transaction transaction;
  transaction.append(partition, {0, "k", "small", {}});
  transaction.append(partition, {0, "k", std::string(log->options().max_record_bytes, 'x'), {}});
  const auto committed = commit(*log, transaction);
  ASSERT_FALSE(committed.has_value());
  EXPECT_TRUE(committed.error().is(errc::too_large)) << committed.error().to_string();
  EXPECT_THAT(committed.error().message(),
              HasSubstr(std::to_string(log->options().max_record_bytes)));
  EXPECT_THAT(read(*log, partition), ElementsAre());
}

TEST_P(LogContract,
       a_transaction_above_the_limit_is_refused_naming_the_limit_and_nothing_is_written) {
  auto log = connect();
  const auto topic_partition = make_topic(*log, "t", 8);
  const std::string value(900'000, 'x');
  Transaction transaction;
  for (std::int32_t i = 0; i < 8; ++i) {
    transaction.append({topic_partition.topic, partition(i)}, {0, "k", value, {}});
  }
  const auto committed = commit(*log, transaction);
  ASSERT_FALSE(committed.has_value());
  EXPECT_TRUE(committed.error().is(errc::too_large)) << committed.error().to_string();
  EXPECT_THAT(committed.error().message(),
              HasSubstr(std::to_string(log->options().max_transaction_bytes)));
  for (std::int32_t i = 0; i < 8; ++i) {
    EXPECT_THAT(read(*log, {topic_partition.topic, partition(i)}), ElementsAre());
  }
}

}  // namespace
}  // namespace millrace::log
