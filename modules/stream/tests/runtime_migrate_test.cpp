// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Parts of a topology are merged and split, with their state.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "millrace/stream/migrate.hpp"
#include "runtime_shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class Migrate : public RuntimeTest {};
INSTANTIATE_TEST_SUITE_P(On, Migrate, testing::ValuesIn(runtime_backends()), backend_name);

Stream<string, Deposited> returns(TopologyBuilder& builder) {
  return builder.stream<string, Deposited>("returns");
}

Topology apart() {
  return topology([](auto& builder) {
    orders(builder).group_by_key().count("counts");
    returns(builder).group_by_key().count("returned");
  });
}

// The counts are of both inputs.
Topology together() {
  return topology([](auto& builder) {
    orders(builder).merge(returns(builder)).group_by_key().count("counts");
    returns(builder).group_by_key().count("returned");
  });
}

std::unique_ptr<Driver> open_both(std::unique_ptr<RuntimeWorld> world, Topology topology,
                                  InstanceOptions options = {}) {
  auto driver = open_shop(std::move(world), std::move(topology), std::move(options));
  driver->declare_topic("returns", "counter", 2);
  driver->run_until_idle();
  return driver;
}

void give_back(Driver& driver, int from, int to) {
  for (int i = from; i < to; ++i)
    driver.pipe("returns", "customer-" + std::to_string(i % 3), Deposited{100}, 2'000 + i);
  driver.run_until_idle();
}

Result<TopologyMigration> migrate(Driver& driver, const Topology& to, bool dry_run = false) {
  log::LogOptions options;
  options.service = "shop";
  const auto log = driver.world().connect(options);
  hear_of_all(*log);
  return migrate_topology(*log, to.describe("json"), dry_run);
}

// A process of the service beside the one of the driver.
class Beside {
 public:
  Beside(RuntimeWorld& world, const Topology& topology) : world_(world) {
    log::LogOptions options;
    options.service = "shop";
    options.member = "beside";
    log_ = world.connect(options);
    hear_of_all(*log_);
    auto opened =
        Instance::open(*log_, topology, {}, {world.clock(), world.files(), world.random(), {}});
    if (!opened) throw std::runtime_error(opened.error().to_string());
    instance_ = *std::move(opened);
  }
  // Steps until nothing is left to do; empty, or the code of the error that ended the instance.
  std::string run() {
    constexpr int idle_max = 20;
    for (int idle = 0; idle < idle_max;) {
      hear_of_all(*log_);
      const auto step = instance_->step();
      if (!step) return string(step.error().code().name);
      idle = step->worked ? 0 : idle + 1;
      if (!step->worked) world_.let_pass();
    }
    return {};
  }

 private:
  RuntimeWorld& world_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<Instance> instance_;
};

// Writes without processing.
void pile_up(Driver& driver, const string& topic, int from, int to, std::int64_t at_ms = 1'000) {
  for (int i = from; i < to; ++i)
    driver.pipe(topic, "customer-" + std::to_string(i % 3), Deposited{100}, at_ms + i);
}

void deploy_by_migration(Driver& driver, const Topology& to) {
  driver.deploy(to, [&] {
    const auto done = migrate(driver, to);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_FALSE(done->parts.empty());
  });
  driver.run_until_idle();
}

TEST_P(Migrate, parts_that_became_one_keep_state_and_places_and_so_on_the_way_back) {
  InstanceOptions options;
  options.state_directory = "state";
  auto driver = open_both(make_world(), apart(), options);
  order(*driver, 0, 6);
  give_back(*driver, 0, 3);
  EXPECT_THAT(driver->refused(together()).message(),
              AllOf(HasSubstr("parts that became one"), HasSubstr("millrace topology migrate")));
  deploy_by_migration(*driver, together());
  EXPECT_EQ(driver->instance().status().records, 0U);
  EXPECT_EQ(counted(*driver), 6);
  EXPECT_EQ(counted(*driver, "returned"), 3);
  order(*driver, 6, 9);
  give_back(*driver, 3, 5);
  EXPECT_EQ(counted(*driver), 11);
  EXPECT_EQ(counted(*driver, "returned"), 5);
  EXPECT_THAT(driver->refused(apart()).message(), HasSubstr("a part that became several"));
  deploy_by_migration(*driver, apart());
  EXPECT_EQ(driver->instance().status().records, 0U);
  order(*driver, 9, 12);
  give_back(*driver, 5, 6);
  EXPECT_EQ(counted(*driver), 14);
  EXPECT_EQ(counted(*driver, "returned"), 6);
  driver->restart();
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver), 14);
}

TEST_P(Migrate, windows_that_were_closed_stay_closed) {
  const auto windows = [](bool merged) {
    return topology([&](auto& builder) {
      auto read = orders(builder);
      (merged ? read.merge(returns(builder)) : read)
          .group_by_key()
          .windowed_by(tumbling(std::chrono::seconds(1)).grace(std::chrono::milliseconds(0)))
          .count("counts");
      returns(builder).group_by_key().count("returned");
    });
  };
  auto driver = open_both(make_world(), windows(false));
  driver->pipe("orders", string("a"), Deposited{100}, 5'000);
  driver->run_until_idle();
  for (const bool merged : {true, false}) {
    deploy_by_migration(*driver, windows(merged));
    driver->pipe("orders", string("a"), Deposited{100}, 1'000);
    driver->run_until_idle();
    EXPECT_EQ(driver->instance().status().late, 1U);
  }
}

TEST_P(Migrate, a_dry_run_says_what_would_move_and_moves_nothing) {
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  driver->deploy(apart(), [&] {
    const auto planned = migrate(*driver, together(), true);
    ASSERT_TRUE(planned) << planned.error().to_string();
    ASSERT_EQ(planned->parts.size(), 1U);
    EXPECT_THAT(planned->parts[0].from, ElementsAre("counts", "returned"));
    EXPECT_THAT(planned->parts[0].reads, UnorderedElementsAre("orders", "returns"));
    EXPECT_THAT(planned->parts[0].stores, UnorderedElementsAre("counts", "returned"));
    EXPECT_EQ(revision(*driver), 1);
    const auto same = migrate(*driver, apart(), true);
    ASSERT_TRUE(same);
    EXPECT_TRUE(same->parts.empty());
  });
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
}

TEST_P(Migrate, it_is_refused_while_an_instance_lives_and_may_be_repeated) {
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  EXPECT_EQ(migrate(*driver, together()).error().code(), millrace::errc::busy);
  driver->deploy(together(), [&] {
    const auto planned = migrate(*driver, together(), true);
    ASSERT_TRUE(planned);
    // What an attempt leaves that was cut off before its commit.
    log::LogOptions options;
    options.service = "shop";
    const auto log = driver->world().connect(options);
    ASSERT_TRUE(
        log->create_topic({"shop." + planned->parts[0].name + ".system.changelog", 2,
                           log::TopicKind::private_topic, "shop", log::CleanupPolicy::compact}));
    ASSERT_TRUE(migrate(*driver, together()));
    const auto again = migrate(*driver, together());
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->parts.empty());
  });
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
}

TEST_P(Migrate, an_instance_that_slept_through_it_commits_nothing) {
  auto driver = std::make_unique<Driver>(make_world(), apart());
  // Its inputs do not exist yet: it has read the manifest and is no member.
  ASSERT_TRUE(migrate(*driver, together()));
  driver->declare_topic("orders", "counter", 2);
  driver->declare_topic("returns", "counter", 2);
  driver->pipe("returns", string("customer-1"), Deposited{1}, 1'000);
  std::optional<Error> ended;
  driver->run_until([&] {
    const auto step = driver->step();
    if (!step) ended = step.error();
    return ended.has_value();
  });
  EXPECT_EQ(ended->code(), errc::topology_changed);
}

TEST_P(Migrate, an_old_instance_that_comes_before_the_commit_counts_nothing) {
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  driver->deploy(together(), [&] {
    pile_up(*driver, "orders", 6, 9);
    std::unique_ptr<Beside> old;
    bool began = false;
    // Called with the records of the commit, before it.
    driver->world().refuse_records(millrace::errc::busy, [&](const log::RecordView&) {
      if (std::exchange(began, true)) return false;
      old = std::make_unique<Beside>(driver->world(), apart());
      EXPECT_EQ(old->run(), "");
      return false;
    });
    const auto done = migrate(*driver, together());
    driver->world().refuse_records({}, nullptr);
    ASSERT_TRUE(done) << done.error().to_string();
    ASSERT_NE(old, nullptr);
    EXPECT_EQ(old->run(), errc::topology_changed.name);
  });
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver), 9);
}

TEST_P(Migrate, it_is_refused_when_an_old_instance_comes_meanwhile_and_may_be_repeated) {
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  driver->deploy(together(), [&] {
    pile_up(*driver, "orders", 6, 9);
    RuntimeWorld& world = driver->world();
    std::unique_ptr<Beside> old;
    // The first time is the check that nobody lives.
    world.before_groups([&] {
      world.before_groups([&] {
        old = std::make_unique<Beside>(world, apart());
        EXPECT_EQ(old->run(), "");
      });
    });
    const auto refused = migrate(*driver, together());
    ASSERT_NE(old, nullptr);
    EXPECT_EQ(revision(*driver), 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), millrace::errc::busy);
    EXPECT_THAT(refused.error().message(), HasSubstr("beside"));
    pile_up(*driver, "orders", 9, 12);
    EXPECT_EQ(old->run(), "");
    old.reset();
    world.let_pass();
    const auto done = migrate(*driver, together());
    ASSERT_TRUE(done) << done.error().to_string();
  });
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver), 12);
}

TEST_P(Migrate, each_input_is_continued_where_its_part_stood) {
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  give_back(*driver, 0, 3);
  driver->deploy(together(), [&] {
    pile_up(*driver, "orders", 6, 13);
    pile_up(*driver, "returns", 3, 5);
    ASSERT_TRUE(migrate(*driver, together()));
  });
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver), 13 + 2);
  EXPECT_EQ(counted(*driver, "returned"), 5);
  driver->deploy(apart(), [&] {
    pile_up(*driver, "orders", 13, 14);
    pile_up(*driver, "returns", 5, 9);
    ASSERT_TRUE(migrate(*driver, apart()));
  });
  driver->run_until_idle();
  EXPECT_EQ(counted(*driver), 14 + 2);
  EXPECT_EQ(counted(*driver, "returned"), 9);
}

// Emits at each firing.
class Ticker final : public Processor<string, Deposited> {
 public:
  explicit Ticker(Emitter<string, Deposited> out,
                  PunctuationType type = PunctuationType::wall_clock)
      : out_(out), type_(type) {}
  void open(ProcessorContext& context) override {
    context.schedule("tick", type_, 6'000, [this, &context](std::int64_t) {
      context.emit(out_, string("tick"), Deposited{1});
    });
  }
  void process(const string&, const Deposited&, ProcessorContext&) override {}

 private:
  Emitter<string, Deposited> out_;
  PunctuationType type_;
};

Topology ticking(bool merged) {
  return topology([=](auto& builder) {
    const auto out = builder.template emitter<string, Deposited>("out");
    orders(builder).process("a", [=] { return std::make_unique<Ticker>(out); }, emits(out));
    builder.stream(out).to("shop.ticks");
    returns(builder).group_by_key().count("returned");
    if (merged) orders(builder).merge(returns(builder)).group_by_key().count("both");
  });
}

TEST_P(Migrate, timers_stay_due_when_they_were) {
  auto driver = open_both(make_world(), ticking(false));
  order(*driver, 0, 3);
  for (const bool merged : {true, false, true}) {
    driver->advance_ms(4'000);
    deploy_by_migration(*driver, ticking(merged));
  }
  // One that began again with each migration would never have fired.
  EXPECT_FALSE(driver->all_raw("shop.ticks").empty());
}

TEST_P(Migrate, state_whose_keys_may_be_elsewhere_is_refused) {
  const auto behind = topology(
      [](auto& builder) { orders(builder).repartition("spread").group_by_key().count("counts"); });
  auto driver = open_shop(make_world(), counts());
  order(*driver, 0, 6);
  driver->deploy(counts(), [&] {
    const auto refused = migrate(*driver, behind);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), errc::topology_changed);
    EXPECT_THAT(refused.error().message(), AllOf(HasSubstr("inputs that fill store counts"),
                                                 HasSubstr("topology reset shop --store counts")));
    EXPECT_EQ(revision(*driver), 1);
  });
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver), 9);
}

TEST_P(Migrate, what_a_renamed_store_has_moves_too) {
  const auto renamed = topology([](auto& builder) {
    orders(builder).merge(returns(builder)).group_by_key().count("totals");
    returns(builder).group_by_key().count("returned");
    builder.was("totals", "counts");
  });
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  deploy_by_migration(*driver, renamed);
  order(*driver, 6, 9);
  EXPECT_EQ(counted(*driver, "totals"), 9);
}

TEST_P(Migrate, a_reset_after_it_rebuilds_the_new_part_alone) {
  auto driver = open_both(make_world(), apart());
  order(*driver, 0, 6);
  give_back(*driver, 0, 3);
  deploy_by_migration(*driver, together());
  driver->deploy(together(), [&] { ASSERT_TRUE(reset(*driver, {"counts"})); });
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().records, 9U);
  EXPECT_EQ(counted(*driver), 9);
  EXPECT_EQ(counted(*driver, "returned"), 3);
}

}  // namespace
}  // namespace millrace::stream::test
