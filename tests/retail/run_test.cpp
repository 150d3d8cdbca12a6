// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "harness.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/http/client.hpp"
#include "run.hpp"

namespace retail_test {
namespace {

// A process that ended is not alive, also where nobody asks how it ended, as in many containers.
bool alive(std::int64_t pid) {
  const std::string stat = read_text("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t state = stat.rfind(") ");
  return state != std::string::npos && stat[state + 2] != 'Z' && stat[state + 2] != 'X';
}

// A loopback port that somebody listens on.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(socket_, 1);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = std::to_string(ntohs(address.sin_port));
  }
  ~TakenPort() { ::close(socket_); }
  [[nodiscard]] const std::string& port() const { return port_; }

 private:
  int socket_;
  std::string port_;
};

TEST(Run, once_in_ample_completes_every_order_to_the_thousandth) {
  const TemporaryDirectory directory;
  const Finished run = run_retail(directory, {"--once", "--stock", "ample", "--limit", "600",
                                              "--summary", directory.file("s.json")});
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("s.json"));
  ASSERT_TRUE(summary) << run.output;
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("600")));
  EXPECT_EQ(summary->kills, 0);
  EXPECT_GT(summary->wall_seconds, 0);
  EXPECT_GT(summary->lines_per_s, 0);
  EXPECT_GT(summary->order_latency_ms.p50, 0);
  EXPECT_GE(summary->order_latency_ms.p99, summary->order_latency_ms.p50);
  EXPECT_GE(summary->order_latency_ms.max, summary->order_latency_ms.p99);
  EXPECT_EQ(read_text(directory.file("s.json")), read_text(directory.file("data/summary.json")));
  const Audited audited = audit(directory);
  EXPECT_EQ(audited.exit, (Exit{0, 0}));
  EXPECT_TRUE(same_outcome(audited.report, *summary));
}

// Each of those that find no place is refused once and served when it comes again: the places that
// become free meanwhile do not all go to others.
TEST(Run, a_storefront_that_takes_few_at_once_starves_nobody) {
  const TemporaryDirectory directory;
  Command command = run_command(directory.file("data"), {"--once", "--stock", "ample", "--limit",
                                                         "600", "--in-flight", "64"});
  command.environment = {{"MILLRACE_MAX_IN_FLIGHT", "8"}, {"MILLRACE_MAX_WAITING", "8"}};
  const Finished run = run_program(command, directory.path());
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary) << run.output;
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("600")));
  const std::size_t at = run.output.find("\nfeed ");
  ASSERT_NE(at, std::string::npos) << "none was refused: " << run.output;
  // Each 10 seconds without a refusal, one more is let in at a time.
  EXPECT_LT(std::stoi(run.output.substr(at + 6)), 150 + 16 * summary->wall_seconds / 10)
      << run.output;
}

TEST(Run, once_in_scarce_ends_with_every_request_accounted_for) {
  const TemporaryDirectory directory;
  const Finished run = run_retail(directory, {"--once", "--limit", "600"});
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_EQ(summary->invoices, 600);
  EXPECT_EQ(summary->orders + summary->returns + summary->write_offs + summary->dead_lettered, 600);
  EXPECT_EQ(summary->completed + summary->rejected, summary->orders);
  EXPECT_GT(summary->rejected, 0);
  std::int64_t rejected = 0;
  for (const auto& [reason, count] : summary->rejected_by)
    rejected += count;
  EXPECT_EQ(rejected, summary->rejected);
}

TEST(Run, a_finished_run_is_not_repeated_but_printed_again) {
  const TemporaryDirectory directory;
  const std::vector<std::string> arguments{"--once", "--stock", "ample", "--limit", "40"};
  ASSERT_EQ(run_retail(directory, arguments).exit, (Exit{0, 0}));
  const std::string before = read_text(directory.file("data/summary.json"));
  const Finished again = run_retail(directory, arguments);
  EXPECT_EQ(again.exit, (Exit{0, 0})) << again.output;
  EXPECT_TRUE(contains(again.output, "finished")) << again.output;
  EXPECT_EQ(read_text(directory.file("data/summary.json")), before);
}

TEST(Run, fresh_forgets_what_was_there) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, {"--once", "--stock", "ample", "--limit", "40"}).exit,
            (Exit{0, 0}));
  const Finished run =
      run_retail(directory, {"--once", "--stock", "scarce", "--limit", "20", "--fresh"});
  EXPECT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->invoices, 20);
}

TEST(Run, a_larger_limit_continues_where_the_smaller_ended) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, {"--once", "--stock", "ample", "--limit", "40"}).exit,
            (Exit{0, 0}));
  const Finished run = run_retail(directory, {"--once", "--stock", "ample", "--limit", "150"});
  EXPECT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("150")));
}

class InterruptedRun : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Signals, InterruptedRun, testing::Values(SIGINT, SIGTERM),
                         [](const auto& one) {
                           return std::string("by_SIG") + ::sigabbrev_np(one.param);
                         });

TEST_P(InterruptedRun, drains_and_continues_when_run_again) {
  const TemporaryDirectory directory;
  const std::vector<std::string> arguments{"--once", "--stock", "ample", "--limit",
                                           "600",    "--rate",  "20"};
  Process run = start_run(directory, arguments);
  ASSERT_TRUE(await("some requests are answered", [&] {
    return read_feed_position(directory) > 20;
  })) << read_text(directory.file("run.txt"));
  run.signal(GetParam());
  const auto exit = run.wait();
  ASSERT_TRUE(exit);
  EXPECT_EQ(*exit, (Exit{1, 0})) << "an unfinished --once is no success";
  EXPECT_LT(read_feed_position(directory), 600);
  EXPECT_TRUE(contains(read_text(directory.file("run.txt")), "run again with --data"));
  const Finished again = run_retail(directory, {"--once", "--stock", "ample", "--limit", "600"});
  EXPECT_EQ(again.exit, (Exit{0, 0})) << again.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("600")));
}

TEST(Run, its_children_end_when_it_is_killed_and_the_next_run_continues) {
  const TemporaryDirectory directory;
  Process run =
      start_run(directory, {"--once", "--stock", "ample", "--limit", "600", "--rate", "20"});
  ASSERT_TRUE(await("some requests are answered", [&] {
    return read_feed_position(directory) > 20;
  })) << read_text(directory.file("run.txt"));
  std::vector<std::int64_t> pids;
  for (const std::string& service : service_names()) {
    const auto file = read_run_file(directory, service);
    ASSERT_TRUE(file) << service;
    ASSERT_TRUE(alive(file->pid)) << service;
    pids.push_back(file->pid);
  }
  run.kill();
  for (const std::int64_t pid : pids) {
    EXPECT_TRUE(await("process " + std::to_string(pid) + " is gone", [&] { return !alive(pid); }));
  }
  const Finished again = run_retail(directory, {"--once", "--stock", "ample", "--limit", "600"});
  EXPECT_EQ(again.exit, (Exit{0, 0})) << again.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("600")));
}

TEST(Run, storefronts_take_turns_and_the_summary_counts_them) {
  const TemporaryDirectory directory;
  const Finished run =
      run_retail(directory, {"--once", "--stock", "ample", "--limit", "600", "--storefronts", "4",
                             "--chaos", "0.2", "--seed", "8"});
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary) << run.output;
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("600")));
  ASSERT_EQ(summary->services.size(), service_names().size());
  for (const std::string& service : service_names())
    EXPECT_EQ(summary->services.at(service).instances, service == "storefront" ? 4 : 1) << service;
}

TEST(Run, chaos_kills_under_the_given_seed_and_changes_no_outcome) {
  const TemporaryDirectory directory;
  const Finished run = run_retail(
      directory, {"--once", "--stock", "ample", "--limit", "600", "--chaos", "0.2", "--seed", "7"});
  ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
  EXPECT_TRUE(contains(run.output, "seed 7")) << run.output;
  const auto summary = read_summary(directory.file("data/summary.json"));
  ASSERT_TRUE(summary);
  EXPECT_TRUE(holds(summary->audit));
  EXPECT_TRUE(same_outcome(*summary, expected_in_ample("600")));
  EXPECT_EQ(summary->seed, 7U);
  EXPECT_GE(summary->kills, 2);
  std::int64_t starts = 0;
  for (const auto& [name, service] : summary->services)
    starts += service.starts;
  EXPECT_EQ(starts, 7 + summary->kills);
}

// Bytes of settled segments in the log of a run.
std::uintmax_t settled_bytes(const TemporaryDirectory& directory) {
  std::uintmax_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory.file("data/log/settled"), ignored)) {
    if (entry.path().extension() == ".log") bytes += entry.file_size();
  }
  return bytes;
}

TEST(Run, settles_its_log_while_services_are_killed_and_continues_on_what_is_settled) {
  const TemporaryDirectory directory;
  std::uintmax_t before = 0;
  for (const std::string limit : {"150", "600"}) {
    const Finished run =
        run_retail(directory, {"--once", "--stock", "ample", "--limit", limit, "--rate", "100",
                               "--chaos", "0.3", "--seed", limit});
    ASSERT_EQ(run.exit, (Exit{0, 0})) << run.output;
    const auto summary = read_summary(directory.file("data/summary.json"));
    ASSERT_TRUE(summary);
    EXPECT_TRUE(holds(summary->audit));
    EXPECT_TRUE(same_outcome(*summary, expected_in_ample(limit)));
    EXPECT_GE(summary->kills, 2);
    const std::uintmax_t settled = settled_bytes(directory);
    EXPECT_GT(settled, before) << limit;
    before = settled;
  }
  const Finished verified = run_program(
      {{program("millrace"), "log", "verify", directory.file("data/log")}}, directory.path());
  EXPECT_EQ(verified.exit, (Exit{0, 0})) << verified.output;
}

TEST(Run, without_once_the_system_stays_up_until_a_signal_and_refuses_a_second_one) {
  const TemporaryDirectory directory;
  Process run = start_run(directory, {"--stock", "ample", "--limit", "20"});
  ASSERT_TRUE(await("the summary is written", [&] {
    return read_summary(directory.file("data/summary.json")).has_value();
  })) << read_text(directory.file("run.txt"));
  const auto storefront = read_run_file(directory, "storefront");
  ASSERT_TRUE(storefront);
  const std::string url = "http://127.0.0.1:" + std::to_string(storefront->port);
  const auto order = millrace::http::fetch(millrace::http::Method::get, url + "/orders/536365", {},
                                           {}, default_timeout);
  ASSERT_TRUE(order);
  EXPECT_EQ(order->status, 200);
  EXPECT_TRUE(contains(order->body, R"("status":"completed")")) << order->body;

  const Finished second = run_retail(directory, {"--once", "--stock", "ample", "--limit", "20"});
  EXPECT_EQ(second.exit, (Exit{1, 0}));
  EXPECT_TRUE(contains(second.output, "another ./run works in " + directory.file("data")))
      << second.output;

  run.signal(SIGINT);
  const auto exit = run.wait();
  ASSERT_TRUE(exit);
  EXPECT_EQ(*exit, (Exit{0, 0})) << read_text(directory.file("run.txt"));
  for (const std::string& service : service_names())
    EXPECT_FALSE(read_run_file(directory, service)) << service << " did not drain";
}

TEST(Run, another_stock_on_the_same_directory_is_refused) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_retail(directory, {"--once", "--stock", "ample", "--limit", "10"}).exit,
            (Exit{0, 0}));
  const Finished other = run_retail(directory, {"--once", "--stock", "scarce", "--limit", "10"});
  EXPECT_EQ(other.exit, (Exit{2, 0}));
  EXPECT_TRUE(contains(other.output, "--stock ample")) << other.output;
  EXPECT_TRUE(contains(other.output, "--stock scarce")) << other.output;
}

TEST(Run, help_names_every_option) {
  const TemporaryDirectory directory;
  const Finished help = run_program({{program("retail-run"), "--help"}}, directory.path());
  EXPECT_EQ(help.exit, (Exit{0, 0}));
  for (const char* option : {"--once", "--stock", "--limit", "--data", "--fresh", "--port", "--log",
                             "--summary", "--chaos", "--in-flight", "--rate"}) {
    EXPECT_TRUE(contains(help.output, option)) << option;
  }
}

TEST(Run, a_port_in_use_is_a_clear_error) {
  const TemporaryDirectory directory;
  const TakenPort taken;
  const Finished run = run_retail(directory, {"--once", "--limit", "10", "--port", taken.port()});
  EXPECT_EQ(run.exit, (Exit{1, 0}));
  EXPECT_TRUE(contains(run.output, "storefront")) << run.output;
  EXPECT_TRUE(contains(run.output, taken.port())) << run.output;
  EXPECT_TRUE(contains(run.output, "in use")) << run.output;
}

}  // namespace
}  // namespace retail_test
