// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "harness.hpp"
#include "log_reader.hpp"
#include "millrace/base/fault_point.hpp"
#include "services.hpp"
#include "shoppers.hpp"

namespace retail_test {
namespace {

using Owners = std::vector<std::pair<std::string, std::string>>;

std::int64_t owned_by(const Owners& owners, const std::string& member) {
  return std::count_if(owners.begin(), owners.end(),
                       [&](const auto& owner) { return owner.second == member; });
}

std::string text(const Owners& owners) {
  std::string text;
  for (const auto& [task, member] : owners)
    text += task + "=" + member + " ";
  return text;
}

testing::AssertionResult both_have_their_share(LogReader& log) {
  auto shared = await("both instances have their share", [&] {
    const Owners owners = log.owners("stock");
    const std::int64_t first = owned_by(owners, "stock"), second = owned_by(owners, "stock-2");
    return first > 0 && second > 0 && first + second == static_cast<std::int64_t>(owners.size());
  });
  if (!shared) shared << text(log.owners("stock"));
  return shared;
}

// Each has requests whose ids belong to the others, and clients who ask again elsewhere.
TEST(ThreeStorefronts, reply_to_every_request_while_one_of_them_dies_and_comes_back) {
  const TemporaryDirectory directory;
  Services services(directory);
  services.start_all();
  for (const int instance : {2, 3})
    services.start("storefront", {.instance = instance});
  ASSERT_TRUE(services.all_ready());
  const std::vector<std::string> storefronts{"storefront", "storefront-2", "storefront-3"};
  Shoppers shoppers(services, mixed_postings("S-", 300), {.at_once = 9, .ask = storefronts});
  ASSERT_TRUE(await("the shop is busy", [&] { return shoppers.answered() > 60; }));
  services.process("storefront-2").kill();
  ASSERT_TRUE(await("the others serve", [&] { return shoppers.answered() > 150; }));
  services.start("storefront", {.instance = 2});
  ASSERT_TRUE(services.ready("storefront-2"));
  ASSERT_TRUE(shoppers.served());
  EXPECT_TRUE(shoppers.all_answered(201));
  // Known to all, also what another one was asked, and refused with another body.
  const Posting first = mixed_postings("S-", 1).front();
  const Posting other = order("S-0", "71053", 9);
  for (const std::string& storefront : storefronts) {
    EXPECT_EQ(services.post(first.target, first.body, {}, storefront).status, 201) << storefront;
    EXPECT_EQ(services.post(other.target, other.body, {}, storefront).status, 409) << storefront;
  }
  ASSERT_TRUE(services.at_rest(300));
  const Audited audited = audit(directory);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.completed, audited.report.orders);
  EXPECT_EQ(audited.report.invoices, 300);
  EXPECT_TRUE(services.stop_all());
}

TEST(TwoInstances, share_the_partitions_and_one_carries_on_when_the_other_dies) {
  const TemporaryDirectory directory;
  Services services(directory);
  services.start_all();
  services.start("stock", {.instance = 2});
  ASSERT_TRUE(services.all_ready());
  LogReader log(services.log_directory());
  ASSERT_TRUE(both_have_their_share(log));

  const auto postings = mixed_postings("I-", 300);
  Shoppers shoppers(services, postings);
  ASSERT_TRUE(await("the shop is busy", [&] { return shoppers.answered() > 60; }));
  services.kill("stock-2");
  ASSERT_TRUE(shoppers.served());
  EXPECT_TRUE(shoppers.all_answered(201));
  ASSERT_TRUE(await("the first has all tasks", [&] {
    const Owners owners = log.owners("stock");
    return owned_by(owners, "stock") == static_cast<std::int64_t>(owners.size());
  })) << text(log.owners("stock"));
  ASSERT_TRUE(services.at_rest(300));
  const Audited audited = audit(directory);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.completed, audited.report.orders);
  EXPECT_EQ(audited.report.invoices, 300);

  services.start("stock", {.instance = 2});
  ASSERT_TRUE(services.ready("stock-2"));
  EXPECT_TRUE(await("the one that came back gets a share again",
                    [&] { return owned_by(log.owners("stock"), "stock-2") > 0; }));
  EXPECT_TRUE(services.stop_all());
}

// It stops between reading and committing, loses its tasks meanwhile, and wakes with a commit in
// hand. The shop stays open until it has stopped.
TEST(TwoInstances, one_that_was_stopped_past_its_heartbeat_is_fenced_when_it_wakes) {
  if (!millrace::fault_points_compiled_in()) GTEST_SKIP() << "this build has no fault points";
  const TemporaryDirectory directory;
  Services services(directory, {.arguments = {"--session-timeout-ms", "1000"}});
  services.start_all();
  services.start("stock", {.instance = 2, .fault = "stream.commit.before:20:stop"});
  ASSERT_TRUE(services.all_ready());
  LogReader log(services.log_directory());
  ASSERT_TRUE(both_have_their_share(log));

  std::int64_t posted = 0;
  while (!services.process("stock-2").stopped()) {
    ASSERT_LT(posted, 20'000) << "the second instance does not come to its fault";
    Shoppers shoppers(services, mixed_postings("B" + std::to_string(posted) + "-", 20));
    posted += 20;
    ASSERT_TRUE(shoppers.served());
    EXPECT_TRUE(shoppers.all_answered(201));
  }
  ASSERT_TRUE(await("its tasks are taken over",
                    [&] { return owned_by(log.owners("stock"), "stock-2") == 0; }));

  services.process("stock-2").signal(SIGCONT);
  ASSERT_TRUE(await("its commit is refused", [&] {
    return services.metric("stock-2", "millrace_stream_refused_commits_total").value_or(0) > 0;
  })) << services.log_of("stock-2");
  ASSERT_TRUE(
      await("it takes part again", [&] { return owned_by(log.owners("stock"), "stock-2") > 0; }));
  Shoppers later(services, mixed_postings("C-", 60));
  ASSERT_TRUE(later.served());
  EXPECT_TRUE(later.all_answered(201));
  ASSERT_TRUE(services.at_rest(posted + 60));
  const Audited audited = audit(directory);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.invoices, posted + 60);
  EXPECT_EQ(audited.report.completed, audited.report.orders);
}

}  // namespace
}  // namespace retail_test
