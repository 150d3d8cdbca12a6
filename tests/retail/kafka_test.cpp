// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The system on a cluster of three brokers, of which one after the other fails.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <millrace_test_paths.hpp>

#include "harness.hpp"
#include "run.hpp"
#include "services.hpp"
#include "shoppers.hpp"

namespace retail_test {
namespace {

class OnKafka : public testing::Test {
 protected:
  // A command of `tools/kafka`.
  Finished cluster(std::vector<std::string> words) {
    words.insert(words.begin(), std::string(millrace::test::source_dir) + "/tools/kafka");
    words.insert(words.begin() + 2, {"--dir", std::getenv("MILLRACE_TEST_KAFKA_DIR")});
    return run_program({std::move(words)}, directory.path());
  }
  void must(std::vector<std::string> words) {
    const Finished done = cluster(std::move(words));
    ASSERT_EQ(done.exit, (Exit{0, 0})) << done.output;
  }
  // The broker that leads a partition of an internal topic, and so coordinates what is kept there.
  std::string leader_of(const std::string& topic) {
    const Finished described = cluster({"tool", "topics", "--describe", "--topic", topic});
    const std::size_t at = described.output.find("Leader: ");
    EXPECT_NE(at, std::string::npos) << described.output;
    return at == std::string::npos ? "1" : described.output.substr(at + 8, 1);
  }

  // Feeds so many invoices, 150 or 600, lets `meanwhile`, if any, happen when some are answered,
  // and checks what came of all.
  void run_while(const std::string& invoices, std::vector<std::string> arguments,
                 const std::function<void()>& meanwhile = {}) {
    arguments.insert(arguments.begin(),
                     {"--once", "--stock", "ample", "--limit", invoices, "--log", log});
    Command command = run_command(directory.file("data"), arguments);
    command.output = directory.file("run.txt");
    Process run(command);
    if (meanwhile) {
      ASSERT_TRUE(await("some requests are answered", [&] {
        return read_feed_position(directory) > 40;
      })) << read_text(directory.file("run.txt"));
      ASSERT_LT(read_feed_position(directory), std::stoi(invoices))
          << "there is nothing left to disturb";
      meanwhile();
    }
    const auto exit = run.wait();
    ASSERT_EQ(exit, (Exit{0, 0})) << read_text(directory.file("run.txt"));
    const auto summary = read_summary(directory.file("data/summary.json"));
    ASSERT_TRUE(summary);
    EXPECT_TRUE(holds(summary->audit));
    EXPECT_TRUE(same_outcome(*summary, expected_in_ample(invoices)));
  }

  TemporaryDirectory directory;
  std::string log = std::string("kafka://") + std::getenv("MILLRACE_TEST_KAFKA") + "/retail" +
                    std::to_string(::getpid()) + "-" + std::to_string(made_++);

 private:
  static inline int made_ = 0;
};

TEST_F(OnKafka, services_die_all_the_time) {
  run_while("150", {"--chaos", "2", "--in-flight", "32"});
  EXPECT_GT(read_summary(directory.file("data/summary.json"))->kills, 2);
}

TEST_F(OnKafka, a_run_brings_a_cluster_of_its_own) {
  const std::vector<std::string> arguments{"--once", "--stock", "ample",       "--limit",
                                           "150",    "--log",   "kafka://auto"};
  const Finished run = run_retail(directory, arguments);
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("150")));
  EXPECT_FALSE(std::filesystem::exists(directory.file("data/kafka"))) << "the cluster stayed";
  // As after a run that was stopped: the next cluster would be empty.
  std::filesystem::remove(directory.file("data/summary.json"));
  const Finished again = run_retail(directory, arguments);
  EXPECT_EQ(again.exit, (Exit{2, 0})) << again.output;
  EXPECT_TRUE(contains(again.output, "--fresh")) << again.output;
}

TEST_F(OnKafka, a_broker_dies_and_comes_back) {
  const std::string broker = leader_of("__transaction_state");
  run_while("600", {"--rate", "20"}, [&] {
    must({"kill", broker});
    // On a slow machine nearly all are answered when the broker is dead at last.
    const std::int64_t more = std::min<std::int64_t>(read_feed_position(directory) + 40, 600);
    EXPECT_TRUE(
        await("two brokers carry on", [&] { return read_feed_position(directory) >= more; }));
    must({"start", broker});
  });
}

// The coordinator of transactions and groups stops in the middle of what it does, and wakes when
// others have taken its place.
TEST_F(OnKafka, a_coordinator_freezes_for_ten_seconds) {
  const std::string broker = leader_of("__transaction_state");
  run_while("600", {"--rate", "20"}, [&] {
    must({"freeze", broker});
    ::poll(nullptr, 0, 10'000);
    must({"thaw", broker});
  });
}

TEST_F(OnKafka, every_service_is_restarted_under_load) {
  Services services(directory, {.log = log});
  services.start_all();
  ASSERT_TRUE(services.all_ready());
  Shoppers shoppers(services, mixed_postings("R-", 400), 48);
  ASSERT_TRUE(await("the shop is busy", [&] { return shoppers.answered() > 60; }));
  for (const std::string& service : service_names()) {
    services.process(service).signal(SIGTERM);
    EXPECT_EQ(services.process(service).wait(), (Exit{0, 0})) << services.log_of(service);
    services.start(service);
    ASSERT_TRUE(services.ready(service));
  }
  ASSERT_TRUE(shoppers.served());
  EXPECT_TRUE(shoppers.all_answered(201));
  ASSERT_TRUE(services.at_rest(400));
  const Audited audited = audit(directory, log);
  EXPECT_TRUE(holds(audited.report));
  EXPECT_EQ(audited.report.invoices, 400);
  EXPECT_EQ(audited.report.completed, audited.report.orders);
  EXPECT_TRUE(services.stop_all());
}

}  // namespace
}  // namespace retail_test
