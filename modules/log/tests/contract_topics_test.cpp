// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include "log_contract.hpp"
#include "millrace/log/library_topics.hpp"

namespace millrace::log {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_P(LogContract, a_topic_is_the_same_for_all_handles) {
  auto stock = connect("stock");
  auto orders = connect("orders");
  const auto made = stock->create_topic({"stock.events", 3, TopicKind::events, "stock"});
  ASSERT_TRUE(made.has_value()) << made.error().to_string();
  const auto found = orders->find_topic("stock.events");
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_EQ(found->id, made->id);
  EXPECT_EQ(found->spec, made->spec);
}

TEST_P(LogContract, creating_a_topic_again_returns_the_one_there_is) {
  auto log = connect();
  const TopicSpec spec{"t", 3, TopicKind::private_topic, "stock"};
  const auto first = log->create_topic(spec);
  const auto second = log->create_topic(spec);
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ(first->id, second->id);
  EXPECT_EQ(second->spec, spec);
  EXPECT_EQ(log->topics().value().size(), 1U);
}

TEST_P(LogContract, a_topic_of_the_same_name_and_another_shape_is_a_mismatch_that_shows_both) {
  auto log = connect();
  const TopicSpec spec{"t", 3, TopicKind::events, "stock"};
  ASSERT_TRUE(log->create_topic(spec).has_value());
  for (const TopicSpec& other : {TopicSpec{"t", 4, TopicKind::events, "stock"},
                                 TopicSpec{"t", 3, TopicKind::commands, "stock"},
                                 TopicSpec{"t", 3, TopicKind::events, "orders"}}) {
    const auto created = log->create_topic(other);
    ASSERT_FALSE(created.has_value());
    EXPECT_TRUE(created.error().is(errc::topic_mismatch)) << created.error().to_string();
  }
  const auto created = log->create_topic({"t", 4, TopicKind::events, "stock"});
  EXPECT_THAT(created.error().message(), HasSubstr("3"));
  EXPECT_THAT(created.error().message(), HasSubstr("4"));
}

TEST_P(LogContract, a_topic_of_the_library_for_all_is_created_and_written_by_any_service) {
  auto stock = connect("stock");
  auto nobody = connect("", "tool");
  const TopicSpec spec{"__millrace.notes", 1, TopicKind::commands, std::string(library_service)};
  const auto made = nobody->create_topic(spec);
  ASSERT_TRUE(made.has_value()) << made.error().to_string();
  const auto found = stock->create_topic(spec);
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_EQ(found->id, made->id);
  put(*stock, {found->id, partition(0)}, "k", "of stock");
  put(*nobody, {made->id, partition(0)}, "k", "of a tool");
  EXPECT_THAT(read(*stock, {found->id, partition(0)}), ElementsAre("k=of stock", "k=of a tool"));
  EXPECT_TRUE(stock->topics().value().empty()) << "it is not one of the services' topics";
  for (const TopicSpec& other :
       {TopicSpec{"__millrace.facts", 1, TopicKind::events, std::string(library_service)},
        TopicSpec{"notes", 1, TopicKind::commands, std::string(library_service)}}) {
    const auto refused = stock->create_topic(other);
    ASSERT_FALSE(refused.has_value()) << other.name;
    EXPECT_TRUE(refused.error().is(errc::not_owner)) << refused.error().to_string();
  }
}

TEST_P(LogContract, a_service_cannot_create_a_topic_of_another_one) {
  auto orders = connect("orders");
  auto nobody = connect("", "tool");
  for (Log* log : {orders.get(), nobody.get()}) {
    const auto created = log->create_topic({"stock.events", 1, TopicKind::events, "stock"});
    ASSERT_FALSE(created.has_value());
    EXPECT_TRUE(created.error().is(errc::not_owner)) << created.error().to_string();
  }
  EXPECT_FALSE(orders->find_topic("stock.events").has_value());
}

TEST_P(LogContract, names_that_kafka_would_not_take_are_refused) {
  auto log = connect();
  for (const std::string& name : {std::string(""), std::string("."), std::string(".."),
                                  std::string("a/b"), std::string("a b"), std::string("\xc3\xa4"),
                                  std::string("a\0b", 3), std::string(250, 'x')}) {
    const auto created = log->create_topic({name, 1, TopicKind::events, "stock"});
    ASSERT_FALSE(created.has_value()) << name;
    EXPECT_TRUE(created.error().is(errc::invalid_argument)) << created.error().to_string();
  }
  for (const std::string& name :
       {std::string("a"), std::string("A-b_c.9"), std::string(world().longest_name(), 'x')}) {
    const auto created = log->create_topic({name, 1, TopicKind::events, "stock"});
    EXPECT_TRUE(created.has_value()) << created.error().to_string();
  }
}

TEST_P(LogContract, a_topic_has_at_least_one_partition) {
  auto log = connect();
  for (const std::int32_t partitions : {0, -1}) {
    const auto created = log->create_topic({"t", partitions, TopicKind::events, "stock"});
    ASSERT_FALSE(created.has_value());
    EXPECT_TRUE(created.error().is(errc::invalid_argument)) << created.error().to_string();
  }
}

TEST_P(LogContract, an_unknown_topic_is_an_error_that_names_it) {
  auto log = connect();
  const auto found = log->find_topic("nowhere");
  ASSERT_FALSE(found.has_value());
  EXPECT_TRUE(found.error().is(errc::unknown_topic));
  EXPECT_THAT(found.error().message(), HasSubstr("nowhere"));
}

TEST_P(LogContract, only_the_owner_publishes_events) {
  auto stock = connect("stock");
  auto orders = connect("orders");
  auto nobody = connect("", "tool");
  const auto partition = make_topic(*stock, "stock.events");
  for (Log* log : {orders.get(), nobody.get()}) {
    Transaction transaction;
    transaction.append(partition, {0, "k", "forged", {}});
    const auto committed = commit(*log, transaction);
    ASSERT_FALSE(committed.has_value());
    EXPECT_TRUE(committed.error().is(errc::not_owner)) << committed.error().to_string();
    EXPECT_THAT(committed.error().message(), HasSubstr("stock.events"));
  }
  put(*stock, partition, "k", "v");
  EXPECT_THAT(read(*orders, partition), ElementsAre("k=v"));
}

TEST_P(LogContract, only_the_owner_writes_to_a_private_topic) {
  auto stock = connect("stock");
  auto orders = connect("orders");
  const auto partition = make_topic(*stock, "stock.changelog", 1, TopicKind::private_topic);
  Transaction transaction;
  transaction.append(partition, {0, "k", "v", {}});
  EXPECT_TRUE(commit(*orders, transaction).error().is(errc::not_owner));
  EXPECT_TRUE(commit(*stock, transaction).has_value());
}

TEST_P(LogContract, anybody_sends_commands) {
  auto stock = connect("stock");
  auto orders = connect("orders");
  auto nobody = connect("", "tool");
  const auto partition = make_topic(*stock, "stock.commands", 1, TopicKind::commands);
  put(*orders, partition, "k", "from orders");
  put(*nobody, partition, "k", "from a tool");
  put(*stock, partition, "k", "from itself");
  EXPECT_THAT(read(*stock, partition),
              ElementsAre("k=from orders", "k=from a tool", "k=from itself"));
}

TEST_P(LogContract, a_system_topic_takes_of_each_service_its_own_keys) {
  auto stock = connect("stock");
  auto orders = connect("orders");
  auto nobody = connect("", "tool");
  const TopicSpec spec{"__millrace.seen", 1, TopicKind::system, std::string(library_service)};
  const auto made = nobody->create_topic(spec, compacted());
  ASSERT_TRUE(made.has_value()) << made.error().to_string();
  const auto found = orders->create_topic(spec, compacted());
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_EQ(found->spec, spec);
  EXPECT_TRUE(stock->topic_settings(found->id).value().compacts);
  const TopicPartition partition{found->id, log::partition(0)};
  put(*stock, partition, "stock/1", "of stock");
  put(*orders, partition, "orders/1", "of orders");
  EXPECT_THAT(read(*nobody, partition), ElementsAre("stock/1=of stock", "orders/1=of orders"));
  for (const std::string& key : {std::string("stock/1"), std::string("orders"), std::string()}) {
    Transaction transaction;
    transaction.append(partition, {0, "orders/2", "with another", {}});
    transaction.append(partition, {0, key, "forged", {}});
    const auto refused = commit(*orders, transaction);
    ASSERT_FALSE(refused.has_value()) << key;
    EXPECT_TRUE(refused.error().is(errc::not_owner)) << refused.error().to_string();
    EXPECT_THAT(refused.error().message(), HasSubstr("'" + key + "'"));
  }
  Transaction transaction;
  transaction.append(partition, {0, "/1", "of no service", {}});
  EXPECT_TRUE(commit(*nobody, transaction).error().is(errc::not_owner));
  EXPECT_THAT(read(*nobody, partition), ElementsAre("stock/1=of stock", "orders/1=of orders"));
}

TEST_P(LogContract, a_system_topic_is_one_of_the_library_and_compacts) {
  auto stock = connect("stock");
  const std::string library(library_service);
  for (const TopicSpec& other : {TopicSpec{"stock.seen", 1, TopicKind::system, "stock"},
                                 TopicSpec{"__millrace.seen", 1, TopicKind::system, "stock"},
                                 TopicSpec{"seen", 1, TopicKind::system, library}}) {
    const auto refused = stock->create_topic(other, compacted());
    ASSERT_FALSE(refused.has_value()) << other.name;
    EXPECT_TRUE(refused.error().is(errc::invalid_argument)) << refused.error().to_string();
  }
  const auto kept = stock->create_topic({"__millrace.seen", 1, TopicKind::system, library});
  ASSERT_FALSE(kept.has_value());
  EXPECT_THAT(kept.error().message(), HasSubstr("cleanup.policy=compact"));
}

TEST_P(LogContract, a_transaction_that_may_write_only_some_of_its_topics_writes_none) {
  auto stock = connect("stock");
  auto orders = connect("orders");
  const auto mine = make_topic(*orders, "orders.events");
  const auto theirs = make_topic(*stock, "stock.events");
  Transaction transaction;
  transaction.append(mine, {0, "k", "v", {}});
  transaction.append(theirs, {0, "k", "v", {}});
  EXPECT_TRUE(commit(*orders, transaction).error().is(errc::not_owner));
  EXPECT_THAT(read(*orders, mine), ElementsAre());
}

TEST_P(LogContract, many_topics_are_listed_by_number_and_each_can_be_used) {
  auto log = connect();
  std::vector<TopicPartition> partitions;
  const int many = world().many_topics();
  for (int i = 0; i < many; ++i) {
    partitions.push_back(make_topic(*log, "topic-" + std::to_string(i)));
  }
  auto other = connect("other");
  const auto topics = other->topics().value();
  ASSERT_EQ(topics.size(), static_cast<std::size_t>(many));
  for (std::size_t i = 0; i < topics.size(); ++i) {
    EXPECT_EQ(topics[i].id, partitions[i].topic);
    EXPECT_EQ(topics[i].spec.name, "topic-" + std::to_string(i));
  }
  Transaction transaction;
  for (const TopicPartition& partition : partitions) {
    transaction.append(partition, {0, "k", "v", {}});
  }
  const auto committed = commit(*log, transaction);
  ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
  EXPECT_THAT(read(*other, partitions[0]), ElementsAre("k=v"));
  EXPECT_THAT(read(*other, partitions.back()), ElementsAre("k=v"));
}

}  // namespace
}  // namespace millrace::log
