// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "acls.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "commands/commands.hpp"
#include "shop.hpp"

namespace millrace::cli {
namespace {

using Operations = std::vector<std::string>;

constexpr const char* description = R"({
  "service":"stock","sub_topologies":[
    {"name":"gatherer","partitions":4,"sources":[{"topic":"orders","key":"k","value":"v","table":false}],
     "sinks":[{"topic":"stock","key":"k","value":"v","table":false},
              {"topic":"shipments.commands","key":"k","value":"v","table":false}],
     "stores":[],"nodes":[{"name":"a}","kind":"\"{","parents":[],"stores":[]}]},
    {"name":"counter","sources":[{"topic":"stock"}],"sinks":[]}],
  "topics":[{"name":"stock","kind":"events","partitions":4,"compacted":false},
            {"name":"stock.commands","kind":"commands","partitions":4,"compacted":false},
            {"name":"stock.lines","kind":"private","partitions":4,"compacted":false}]})";

ServiceDescription stock() {
  auto parsed = parse_descriptions(description, "a test");
  EXPECT_TRUE(parsed) << parsed.error().to_string();
  return parsed ? parsed->front() : ServiceDescription{};
}

Operations operations_on(const std::string& name, const std::vector<Acl>& acls) {
  const auto found =
      std::find_if(acls.begin(), acls.end(), [&](const Acl& acl) { return acl.name == name; });
  return found == acls.end() ? Operations{} : found->operations;
}

// Also by a prefix.
Operations operations_granted(const std::string& topic, const std::vector<Acl>& acls) {
  std::set<std::string> granted;
  for (const Acl& acl : acls) {
    const bool meant = acl.prefixed ? topic.starts_with(acl.name) : topic == acl.name;
    if (acl.resource == "topic" && meant)
      granted.insert(acl.operations.begin(), acl.operations.end());
  }
  return {granted.begin(), granted.end()};
}

TEST(Acls, of_own_topics_follow_their_kind) {
  const auto acls = acls_of(stock(), "shop.", OwnTopics::exactly);
  EXPECT_EQ(operations_on("shop.stock.commands", acls),
            (Operations{"Create", "Delete", "DescribeConfigs", "Read", "Write"}));
  EXPECT_EQ(operations_on("shop.stock.lines", acls),
            (Operations{"Create", "DescribeConfigs", "Read", "Write"}));
}

TEST(Acls, let_a_service_read_its_own_events_only_when_it_does) {
  ServiceDescription service = stock();
  EXPECT_EQ(operations_on("shop.stock", acls_of(service, "shop.")),
            (Operations{"Create", "DescribeConfigs", "Read", "Write"}));
  service.parts.pop_back();
  EXPECT_EQ(operations_on("shop.stock", acls_of(service, "shop.")),
            (Operations{"Create", "DescribeConfigs", "Write"}));
}

TEST(Acls, let_a_service_read_its_inputs_and_write_commands_of_others_no_more) {
  const auto acls = acls_of(stock(), "shop.");
  EXPECT_EQ(operations_on("shop.orders", acls), Operations{"Read"});
  EXPECT_EQ(operations_on("shop.shipments.commands", acls), Operations{"Write"});
}

TEST(Acls, hold_what_the_engine_keeps_for_each_part) {
  const auto acls = acls_of(stock(), "shop.", OwnTopics::exactly);
  EXPECT_EQ(operations_on("shop.stock.gatherer.system.changelog", acls).size(), 4U);
  EXPECT_EQ(operations_on("shop.__millrace", acls).size(), 5U);
}

TEST(Acls, hold_the_ranges_of_parts_with_several_inputs_that_the_topology_does_not_write) {
  ServiceDescription service = stock();
  const auto ranges = [&] {
    return operations_on("shop.stock.counter.system.ranges",
                         acls_of(service, "shop.", OwnTopics::exactly));
  };
  const Operations all{"Create", "DescribeConfigs", "Read", "Write"};
  EXPECT_EQ(ranges(), Operations{});
  service.parts.back().sources = {"orders", "payments"};
  EXPECT_EQ(ranges(), all);
  // Written by its HTTP side, say.
  service.parts.back().sources = {"orders", "stock.commands"};
  EXPECT_EQ(ranges(), all);
  service.parts.back().sources = {"orders", "stock"};
  EXPECT_EQ(ranges(), Operations{});
}

TEST(Acls, let_a_service_keep_its_topics_under_names_that_its_build_does_not_know) {
  const auto acls = acls_of(stock(), "shop.");
  // After a reset, a rename, and of a part that an earlier build named.
  for (const char* name :
       {"shop.stock.gatherer-2.system.changelog", "shop.stock.counts.changelog",
        "shop.stock.old.system.changelog", "shop.stock.lines", "shop.stock.manifest"}) {
    EXPECT_EQ(operations_granted(name, acls),
              (Operations{"Create", "DescribeConfigs", "Read", "Write"}))
        << name;
  }
  EXPECT_EQ(operations_granted("shop.stocks.lines", acls), Operations{});
  EXPECT_EQ(operations_on("shop.stock.commands", acls), Operations{"Delete"});
}

TEST(Acls, by_prefix_are_refused_where_others_have_topics) {
  ServiceDescription service = stock();
  ServiceDescription other{"audit", {}, {{"stock.audit", "events"}, {"audit.lines", "private"}}};
  EXPECT_TRUE(strangers_in_prefix(service, {service, {"stocks", {}, {}}}).empty());
  EXPECT_EQ(strangers_in_prefix(service, {service, other}), (Operations{"stock.audit"}));
  other = {"stock.eu", {}, {{"stock.eu.lines", "private"}}};
  EXPECT_EQ(strangers_in_prefix(service, {service, other}), (Operations{"stock.eu.*"}));
  service.more_read = {"stock.audit", "stock.commands"};
  EXPECT_EQ(strangers_in_prefix(service, {service}), (Operations{"stock.audit"}));
}

TEST(Acls, are_by_prefix_for_groups_and_transactional_ids) {
  const auto acls = acls_of(stock(), "shop.");
  const auto has = [&](const std::string& resource, const std::string& name) {
    return std::any_of(acls.begin(), acls.end(), [&](const Acl& acl) {
      return acl.resource == resource && acl.prefixed && acl.name == name;
    });
  };
  EXPECT_TRUE(has("group", "shop.stock/"));
  EXPECT_TRUE(has("transactional-id", "shop.millrace."));
}

TEST(Acls, take_topics_beyond_the_topology) {
  ServiceDescription service = stock();
  service.more_written = {"orders.commands"};
  service.more_read = {"payments"};
  const auto acls = acls_of(service, "");
  EXPECT_EQ(operations_on("orders.commands", acls), Operations{"Write"});
  EXPECT_EQ(operations_on("payments", acls), Operations{"Read"});
}

TEST(Acls, of_a_reader_on_a_cluster_without_a_prefix_are_for_all_names) {
  const auto acls = acls_of_reader("");
  EXPECT_EQ(operations_on("*", acls), Operations{"Read"});
  EXPECT_FALSE(std::any_of(acls.begin(), acls.end(), [](const Acl& acl) { return acl.prefixed; }));
}

TEST(Acls, become_a_command_for_all_names_with_the_same_operations) {
  const std::vector<Acl> acls{{"topic", false, "a", {"Read"}, ""},
                              {"group", true, "x/", {"Read"}, ""},
                              {"topic", false, "b", {"Read"}, ""}};
  EXPECT_EQ(acl_commands(acls, "User:CN=stock service", "h:1,g:2", "admin.properties"),
            (std::vector<std::string>{
                "kafka-acls.sh --bootstrap-server h:1,g:2 --command-config admin.properties --add "
                "--allow-principal 'User:CN=stock service' --operation Read --topic a --topic b",
                "kafka-acls.sh --bootstrap-server h:1,g:2 --command-config admin.properties --add "
                "--allow-principal 'User:CN=stock service' --operation Read "
                "--resource-pattern-type prefixed --group x/"}));
}

TEST(Acls, read_the_address_off_the_url) {
  EXPECT_EQ(kafka_address_of("kafka://a:1,b:2/shop?sasl.password=p/w")->bootstrap, "a:1,b:2");
  EXPECT_EQ(kafka_address_of("kafka://a:1,b:2/shop?sasl.password=p/w")->prefix, "shop.");
  EXPECT_EQ(kafka_address_of("kafka://a:1")->prefix, "");
  EXPECT_EQ(kafka_address_of("kafka://a:1/")->prefix, "");
  EXPECT_FALSE(kafka_address_of("file:data"));
}

TEST(Descriptions, may_follow_one_another) {
  const auto parsed =
      parse_descriptions(std::string(description) + "\n" + description + "\n", "a test");
  ASSERT_TRUE(parsed) << parsed.error().to_string();
  EXPECT_EQ(parsed->size(), 2U);
}

TEST(Descriptions, that_are_none_are_refused_with_what_was_expected) {
  for (const char* text : {"", "  \n", "stock", "{\"service\":\"stock\"", "{}", "[1]"}) {
    const auto parsed = parse_descriptions(text, "stock.json");
    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().message().starts_with("stock.json: ")) << parsed.error().message();
    EXPECT_NE(parsed.error().message().find("--describe json"), std::string::npos) << text;
  }
}

class AclsCommand : public testing::Test {
 protected:
  AclsCommand() { std::ofstream(file) << description; }
  ~AclsCommand() override { std::filesystem::remove(file); }
  const std::string file = (std::filesystem::temp_directory_path() /
                            ("millrace-acls-" + std::to_string(::getpid()) + ".json"))
                               .string();
  const std::string log = "kafka://h:9092/shop";
};

TEST_F(AclsCommand, prints_a_table) {
  const Outcome done = run({"acls", file, "--log", log});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  const auto lines = lines_of(done.out);
  ASSERT_GT(lines.size(), 3U);
  EXPECT_EQ(lines[0], "service stock, principal User:stock");
  EXPECT_TRUE(lines[1].starts_with("  RESOURCE ")) << lines[1];
  EXPECT_NE(done.out.find("  topic             literal   shop.orders "), std::string::npos)
      << done.out;
}

TEST_F(AclsCommand, grants_no_prefix_that_others_have_topics_in) {
  const Outcome refused = run({"acls", file, "--log", log, "--reads", "stock.audit"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.notes.find("of others: stock.audit"), std::string::npos) << refused.notes;
  EXPECT_NE(refused.notes.find("--exact"), std::string::npos) << refused.notes;
  const Outcome done = run({"acls", file, "--log", log, "--reads", "stock.audit", "--exact"});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  EXPECT_NE(done.out.find("  topic             literal   shop.stock.audit "), std::string::npos)
      << done.out;
  EXPECT_NE(done.out.find("  topic             literal   shop.stock.lines "), std::string::npos)
      << done.out;
}

TEST_F(AclsCommand, prints_json_lines) {
  const Outcome done = run({"acls", file, "--log", log, "--json", "--principal", "User:CN=a"});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  for (const std::string& line : lines_of(done.out))
    EXPECT_TRUE(is_json(line)) << line;
  EXPECT_NE(done.out.find(R"("principal":"User:CN=a","resource":"topic","pattern":"literal",)"
                          R"("name":"shop.orders","operations":["Read"])"),
            std::string::npos)
      << done.out;
}

TEST_F(AclsCommand, prints_commands) {
  const Outcome done = run({"acls", file, "--log", log, "--format", "commands"});
  ASSERT_EQ(done.exit_code, 0) << done.notes;
  for (const std::string& line : lines_of(done.out))
    EXPECT_TRUE(line.starts_with("kafka-acls.sh --bootstrap-server h:9092 --add ")) << line;
}

TEST_F(AclsCommand, wants_a_cluster) {
  const Outcome done = run({"acls", file, "--log", "file:data"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_NE(done.notes.find("--log kafka://"), std::string::npos) << done.notes;
}

TEST_F(AclsCommand, wants_a_description_or_a_reader) {
  EXPECT_EQ(run({"acls", "--log", log}).exit_code, 1);
  EXPECT_EQ(run({"acls", file, "--reader", "--log", log}).exit_code, 1);
  const Outcome reader = run({"acls", "--reader", "--log", log});
  EXPECT_EQ(reader.exit_code, 0);
  EXPECT_NE(reader.out.find("principal User:millrace"), std::string::npos) << reader.out;
}

}  // namespace
}  // namespace millrace::cli
