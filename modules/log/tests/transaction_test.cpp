// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/transaction.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::log {
namespace {

TopicPartition topic_partition(std::int32_t topic, std::int32_t number) {
  return {TopicId{{topic}}, partition(number)};
}

TEST(Transaction, records_are_gathered_by_partition_in_order_of_first_use) {
  Transaction transaction;
  for (int round = 0; round < 3; ++round) {
    for (std::int32_t i = 0; i < 100; ++i) {
      transaction.append(topic_partition(i % 7, i), {round, "k", "v", {}});
    }
  }
  ASSERT_EQ(transaction.batch_count(), 100U);
  EXPECT_EQ(transaction.records(), 300U);
  std::size_t bytes = 0;
  for (std::int32_t i = 0; i < 100; ++i) {
    auto& batch = transaction.batch(static_cast<std::size_t>(i));
    EXPECT_EQ(batch.partition, topic_partition(i % 7, i));
    EXPECT_EQ(batch.builder.count(), 3);
    bytes += batch.builder.finish().size();
  }
  EXPECT_EQ(transaction.bytes(), bytes);
}

TEST(Transaction, clear_forgets_everything) {
  Transaction transaction;
  for (int round = 0; round < 3; ++round) {
    for (std::int32_t i = 0; i < 20 + round * 30; ++i) {
      transaction.append(topic_partition(0, i), {0, "k", "v", {}});
    }
    transaction.set_position(GroupId{{1}}, topic_partition(0, 0), offset(4));
    transaction.require({GroupId{{1}}, "task", {1, 2}});
    transaction.set_sequence("producer", 3);
    EXPECT_EQ(transaction.batch_count(), static_cast<std::size_t>(20 + round * 30));
    transaction.clear();
    EXPECT_TRUE(transaction.empty());
    EXPECT_EQ(transaction.bytes(), 0U);
    EXPECT_EQ(transaction.records(), 0U);
    EXPECT_EQ(transaction.largest_record(), 0U);
    EXPECT_TRUE(transaction.claims().empty());
    EXPECT_EQ(transaction.sequence().number, -1);
  }
}

TEST(Transaction, the_last_position_of_a_partition_counts) {
  Transaction transaction;
  transaction.set_position(GroupId{{1}}, topic_partition(0, 0), offset(4));
  transaction.set_position(GroupId{{2}}, topic_partition(0, 0), offset(5));
  transaction.set_position(GroupId{{1}}, topic_partition(0, 0), offset(6));
  ASSERT_EQ(transaction.positions().size(), 2U);
  EXPECT_EQ(transaction.positions()[0].next, offset(6));
  EXPECT_FALSE(transaction.empty());
}

TEST(Transaction, the_largest_record_is_known) {
  Transaction transaction;
  transaction.append(topic_partition(0, 0), {0, "k", std::string(10, 'x'), {}});
  transaction.append(topic_partition(0, 1), {0, "k", std::string(1000, 'x'), {}});
  transaction.append(topic_partition(0, 0), {0, "k", std::string(5, 'x'), {}});
  EXPECT_GE(transaction.largest_record(), 1000U);
  EXPECT_LE(transaction.largest_record(), 1020U);
}

TEST(Transaction, a_transaction_beyond_any_limit_is_counted_but_not_kept) {
  const std::string large(64U << 20U, 'x');
  Transaction transaction;
  for (int i = 0; i < 20; ++i) {
    transaction.append(topic_partition(0, 0), {0, "k", std::string_view(large), {}});
    if (transaction.bytes() > absolute_transaction_bytes) {
      break;
    }
  }
  EXPECT_GT(transaction.bytes(), absolute_transaction_bytes);
  LogOptions options;
  options.max_record_bytes = std::size_t{1} << 40U;
  options.max_transaction_bytes = std::size_t{1} << 40U;
  EXPECT_TRUE(check_size(transaction, options).error().is(errc::too_large));
}

TEST(Rules, call_a_member_without_a_name_like_its_service) {
  LogOptions options;
  options.service = "stock";
  EXPECT_EQ(checked_options(options).value().member, "stock");
  options.member = "stock-1";
  EXPECT_EQ(checked_options(options).value().member, "stock-1");
}

TEST(Rules, refuse_names_that_are_too_long) {
  LogOptions options;
  options.service = std::string(max_name_bytes, 's');
  EXPECT_TRUE(checked_options(options));
  options.service += 's';
  EXPECT_TRUE(checked_options(options).error().is(errc::invalid_argument));
}

TEST(Rules, refuse_intervals_out_of_range_and_name_the_setting_and_its_range) {
  const std::pair<const char*, std::int64_t LogOptions::*> settings[] = {
      {"sync_interval_ms", &LogOptions::sync_interval_ms},
      {"session_timeout_ms", &LogOptions::session_timeout_ms}};
  for (const auto& [name, setting] : settings) {
    for (const std::int64_t value :
         {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min(),
          std::int64_t{-1}, std::int64_t{0}}) {
      LogOptions options;
      options.*setting = value;
      const auto checked = checked_options(options);
      ASSERT_FALSE(checked) << name << " " << value;
      EXPECT_TRUE(checked.error().is(errc::invalid_argument));
      EXPECT_NE(checked.error().message().find(name), std::string::npos);
      EXPECT_NE(checked.error().message().find("use 1 to "), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace millrace::log
