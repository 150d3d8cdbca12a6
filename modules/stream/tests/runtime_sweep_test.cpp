// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Work of timers on whole stores, which is larger than a commit may be.
#include <gtest/gtest.h>

#include <map>

#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

struct Page {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Page, (), (text))

// Longer than a test takes where the clock runs by itself.
constexpr std::int64_t period_ms = 600'000;
constexpr std::int64_t entries = 3'000;

// A deposit of n makes n entries; each sweep writes a page for each of them.
class Publisher final : public Processor<std::string, Deposited> {
 public:
  Publisher(StoreRef<std::string, Balance> balances, Emitter<std::string, Page> out,
            std::string failing)
      : balances_(balances), out_(out), failing_(std::move(failing)) {}
  void open(ProcessorContext& context) override {
    context.sweep("publish", PunctuationType::wall_clock, period_ms, balances_,
                  [this, context](const std::string& key, const Balance&, std::int64_t) mutable {
                    context.emit(out_, key, Page{std::string(2'000, 'x')});
                    if (key == failing_) throw std::runtime_error("a page that is not written");
                  });
  }
  void process(const std::string& key, const Deposited& deposit,
               ProcessorContext& context) override {
    auto store = context.store(balances_);
    for (std::int64_t i = 0; i < deposit.amount; ++i)
      store.put(key + std::to_string(i), Balance{i, 1});
    context.emit(out_, key, Page{"deposit"});
  }

 private:
  StoreRef<std::string, Balance> balances_;
  Emitter<std::string, Page> out_;
  std::string failing_;
};

class Sweep : public RuntimeTest {
 protected:
  static std::unique_ptr<Driver> open_publisher(const std::string& failing = {}) {
    TopologyBuilder builder("publisher", 1);
    const auto balances = builder.store<std::string, Balance>("balances");
    const auto out = builder.emitter<std::string, Page>("out");
    builder.stream<std::string, Deposited>("deposits")
        .process(
            "publisher", [=] { return std::make_unique<Publisher>(balances, out, failing); },
            uses(balances), emits(out));
    builder.stream(out).to("publisher.pages");
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    auto world = make_world();
    world->set_session_timeout_ms(2 * period_ms);
    InstanceOptions options;
    options.max_commit_bytes = 512U << 10U;
    auto driver = std::make_unique<Driver>(std::move(world), *built, options);
    driver->declare_topic("deposits", "teller", 1);
    driver->run_until_idle();
    driver->pipe("deposits", std::string("entry-"), Deposited{entries}, 1'000);
    driver->run_until_idle();
    return driver;
  }

  static std::size_t pages(Driver& driver) { return driver.all_raw("publisher.pages").size(); }
};
INSTANTIATE_TEST_SUITE_P(On, Sweep, testing::ValuesIn(runtime_backends()), backend_name);

// 6 MB are above the limit of one transaction of the embedded log.
TEST_P(Sweep, visits_each_entry_once_over_several_commits_and_a_crash_with_input_between) {
  auto driver = open_publisher();
  EXPECT_EQ(pages(*driver), 1U);
  driver->world().let_pass(period_ms);
  driver->run_until([&] { return pages(*driver) > 1; });
  EXPECT_LT(pages(*driver), static_cast<std::size_t>(entries));
  driver->pipe("deposits", std::string("between"), Deposited{0}, 2'000);
  driver->run_until([&] { return pages(*driver) > 1'000; });
  EXPECT_LT(pages(*driver), static_cast<std::size_t>(entries));
  driver->crash_and_restart();
  driver->run_until_idle();

  std::map<std::string, int> seen;
  std::string last;
  for (const auto& page : driver->read<std::string, Page>("publisher.pages")) {
    ++seen[page.key];
    last = page.key;
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(entries) + 2);
  // Where a death costs a session, further walks follow the one that it interrupted.
  const int walks = seen["entry-0"];
  if (driver->world().manual_clock() != nullptr) {
    EXPECT_EQ(walks, 1);
  }
  for (const auto& [key, times] : seen)
    EXPECT_EQ(times, key == "entry-" || key == "between" ? 1 : walks) << key;
  EXPECT_NE(last, "between");
  EXPECT_EQ(driver->instance().status().refused_commits, 0U);
  EXPECT_EQ(driver->instance().status().failed_firings, 0U);
}

TEST_P(Sweep, begins_again_at_its_next_time) {
  auto driver = open_publisher();
  for (std::size_t walk = 1; walk <= 2; ++walk) {
    driver->advance_ms(period_ms);
    EXPECT_EQ(pages(*driver), walk * static_cast<std::size_t>(entries) + 1);
  }
}

TEST_P(Sweep, an_entry_that_fails_is_passed_over_alone) {
  auto driver = open_publisher("entry-7");
  driver->advance_ms(period_ms);
  EXPECT_EQ(pages(*driver), static_cast<std::size_t>(entries));
  EXPECT_EQ(driver->instance().status().failed_firings, 1U);
  EXPECT_EQ(driver->instance().status().refused_commits, 0U);
}

}  // namespace
}  // namespace millrace::stream::test
