// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Parts of a topology are merged and split, with their state.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "millrace/log/find_groups.hpp"
#include "runtime/task_state.hpp"
#include "runtime_migrations.hpp"

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

TEST_P(Migrate, parts_that_became_one_keep_state_and_positions_and_so_on_the_way_back) {
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
          .windowed_by(tumbling(std::chrono::seconds(1)).no_grace())
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

TEST_P(Migrate, an_old_instance_whose_inputs_come_before_the_commit_counts_nothing) {
  auto driver = std::make_unique<Driver>(make_world(), apart());
  driver->deploy(together(), [&] {
    std::unique_ptr<Beside> old;
    bool began = false;
    // Called with the records of the commit, before it.
    driver->world().refuse_records(millrace::errc::busy, [&](const log::RecordView&) {
      if (std::exchange(began, true)) return false;
      driver->declare_topic("orders", "counter", 2);
      driver->declare_topic("returns", "counter", 2);
      pile_up(*driver, "orders", 0, 6);
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
  EXPECT_EQ(counted(*driver), 6);
}

TEST_P(Migrate, a_part_that_stays_and_has_no_input_yet_gets_no_tasks) {
  const auto with_refunds = [](bool merged) {
    return topology([=](auto& builder) {
      const auto read = orders(builder);
      (merged ? read.merge(returns(builder)) : read).group_by_key().count("counts");
      returns(builder).group_by_key().count("returned");
      builder.template stream<string, Deposited>("refunds").group_by_key().count("refunded");
    });
  };
  auto driver = open_both(make_world(), with_refunds(false));
  driver->deploy(with_refunds(true), [&] {
    const auto done = migrate(*driver, with_refunds(true));
    ASSERT_TRUE(done) << done.error().to_string();
    hear_of_all(driver->tool());
    const auto groups =
        log::find_groups(driver->tool(), {.name = "shop/refunded", .positions = false});
    ASSERT_TRUE(groups);
    for (const log::GroupInfo& group : *groups)
      EXPECT_TRUE(group.tasks.empty());
  });
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

TEST_P(Migrate, a_store_that_is_given_up_is_named) {
  const auto counts_alone = topology([](auto& builder) {
    orders(builder).merge(returns(builder)).group_by_key().count("counts");
  });
  auto driver = open_both(make_world(), apart());
  driver->deploy(counts_alone, [&] {
    const auto done = migrate(*driver, counts_alone);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_THAT(done->accepted, Contains(AllOf(HasSubstr("store returned of part counts"),
                                               HasSubstr("was removed"))));
  });
}

TEST_P(Migrate, an_input_that_filled_a_store_before_a_split_is_remembered) {
  auto driver = open_both(make_world(), together());
  order(*driver, 0, 6);
  deploy_by_migration(*driver, apart());
  const auto manifest = read_manifest(driver->tool(), "shop");
  ASSERT_TRUE(manifest && *manifest);
  const auto& part = (*manifest)->parts[1];
  EXPECT_THAT(part.sources, ElementsAre("orders"));
  ASSERT_TRUE(part.former_sources);
  EXPECT_THAT(*part.former_sources, ElementsAre("returns"));
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
    orders(builder).template process<Ticker>("a", out);
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

TEST_P(Migrate, a_part_gets_no_timer_of_a_processor_that_another_part_has) {
  auto driver = open_both(make_world(), ticking(true));
  order(*driver, 0, 3);
  driver->deploy(ticking(false), [&] {
    const auto done = migrate(*driver, ticking(false));
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(done->parts.size(), 2U);
    log::Log& log = driver->tool();
    hear_of_all(log);
    std::set<string> with_timers;
    for (const auto& part : done->parts) {
      const auto topic = log.find_topic("shop." + part.name + ".system.changelog");
      ASSERT_TRUE(topic);
      for (std::int32_t i = 0; i < topic->spec.partitions; ++i) {
        log::FetchBuffer buffer;
        ASSERT_TRUE(log.fetch({topic->id, log::partition(i)}, log::offset(0), 100'000, buffer));
        for (const log::RecordView& record : buffer.records) {
          const auto state = runtime::decode_task_state(record.value.value());
          ASSERT_TRUE(state);
          if (!state->timers.empty()) with_timers.insert(part.name);
        }
      }
    }
    EXPECT_THAT(with_timers, ElementsAre(HasSubstr("a")));
  });
}

Topology ticking_by_records(bool merged) {
  return topology([=](auto& builder) {
    const auto out = builder.template emitter<string, Deposited>("out");
    orders(builder).group_by_key().count("counts");
    returns(builder).template process<Ticker>("b", out, PunctuationType::stream_time);
    builder.stream(out).to("shop.ticks");
    if (merged) orders(builder).merge(returns(builder)).group_by_key().count("both");
  });
}

TEST_P(Migrate, a_timer_is_not_early_because_another_input_was_ahead) {
  auto driver = open_both(make_world(), ticking_by_records(false));
  pile_up(*driver, "returns", 0, 3, 1'000);
  pile_up(*driver, "orders", 0, 3, 90'000);
  driver->run_until_idle();
  deploy_by_migration(*driver, ticking_by_records(true));
  pile_up(*driver, "returns", 0, 3, 2'000);
  driver->run_until_idle();
  EXPECT_EQ(driver->all_raw("shop.ticks").size(), 0U);
  pile_up(*driver, "returns", 0, 3, 8'000);
  driver->run_until_idle();
  EXPECT_GT(driver->all_raw("shop.ticks").size(), 0U);
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
