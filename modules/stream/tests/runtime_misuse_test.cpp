// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Calls of a processor at a time when they can have no effect are errors, and lose nothing.
#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "millrace/base/interval.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {
namespace {

using Action = std::function<void(ProcessorContext&)>;

struct Actions {
  Action on_open = [](ProcessorContext&) {};
  Action on_process = [](ProcessorContext&) {};
  ProcessorContext** kept = nullptr;
};

class Misuser final : public Processor<std::string, Deposited> {
 public:
  explicit Misuser(Actions actions) : actions_(std::move(actions)) {}
  void open(ProcessorContext& context) override {
    if (actions_.kept != nullptr) *actions_.kept = &context;
    actions_.on_open(context);
  }
  void process(const std::string&, const Deposited&, ProcessorContext& context) override {
    actions_.on_process(context);
  }

 private:
  Actions actions_;
};

class Misuse : public RuntimeTest {
 protected:
  static std::unique_ptr<Driver> open_misuser(
      const std::function<Actions(StoreRef<std::string, Balance>, Emitter<std::string, Balance>)>&
          actions) {
    TopologyBuilder builder("misuser", 1);
    const auto store = builder.store<std::string, Balance>("balances");
    const auto out = builder.emitter<std::string, Balance>("out");
    const Actions made = actions(store, out);
    builder.stream<std::string, Deposited>("deposits")
        .process(
            "misuser",
            [](const Actions& given, const auto&...) { return std::make_unique<Misuser>(given); },
            made, store, out);
    builder.stream(out).to("misuser.balances");
    auto built = builder.build();
    if (!built) throw std::runtime_error(built.error().to_string());
    auto driver = open(*built);
    driver->declare_topic("deposits", "teller", 1);
    return driver;
  }

  // What the instance ends with.
  static std::string end_of(Driver& driver) {
    try {
      driver.run_until_idle();
    } catch (const testkit::TestError& error) {
      return error.what();
    }
    return "it runs";
  }

  static std::string reason_of_letter(Driver& driver) {
    driver.run_until_idle();
    driver.pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
    driver.run_until_idle();
    const auto dead = driver.read_raw("misuser.dead-letters");
    return dead.size() == 1 ? dead[0].header("dl-reason") : std::to_string(dead.size());
  }
};
INSTANTIATE_TEST_SUITE_P(On, Misuse, testing::ValuesIn(runtime_backends()), backend_name);

TEST_P(Misuse, of_emit_in_open_ends_the_instance_with_its_reason) {
  auto driver = open_misuser([](auto, auto out) {
    return Actions{.on_open = [=](ProcessorContext& context) {
      context.emit(out, std::string("anna"), Balance{1, 1});
    }};
  });
  const std::string end = end_of(*driver);
  EXPECT_NE(end.find("outside of a work item"), std::string::npos) << end;
  EXPECT_NE(end.find("misuser/0"), std::string::npos) << end;
}

TEST_P(Misuse, of_put_and_erase_in_open_ends_the_instance_with_its_reason) {
  for (const bool erases : {false, true}) {
    auto driver = open_misuser([=](auto store, auto) {
      return Actions{.on_open = [=](ProcessorContext& context) {
        auto opened = context.store(store);
        if (erases) return opened.erase("anna");
        opened.put("anna", Balance{1, 1});
      }};
    });
    const std::string end = end_of(*driver);
    EXPECT_NE(end.find("a store is changed outside of a work item"), std::string::npos) << end;
  }
}

TEST_P(Misuse, of_a_context_between_two_records_throws_and_changes_nothing) {
  ProcessorContext* context = nullptr;
  StoreRef<std::string, Balance> store{};
  Emitter<std::string, Balance> out{};
  auto driver = open_misuser([&](auto store_ref, auto emitter) {
    store = store_ref;
    out = emitter;
    return Actions{.kept = &context};
  });
  driver->run_until_idle();
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->run_until_idle();
  ASSERT_NE(context, nullptr);
  EXPECT_THROW(context->emit(out, std::string("anna"), Balance{1, 1}), std::logic_error);
  EXPECT_THROW(context->store(store).put("anna", Balance{1, 1}), std::logic_error);
  EXPECT_THROW(context->store(store).erase("anna"), std::logic_error);
  EXPECT_THROW(context->dead_letter({"misuser.late"}, "late"), std::logic_error);
  EXPECT_THROW(context->with_context({}, [] {}), std::logic_error);
  EXPECT_FALSE(context->store(store).get("anna"));
  const std::uint64_t commits = driver->instance().status().commits;
  driver->run_until_idle();
  EXPECT_EQ(driver->instance().status().commits, commits);
  EXPECT_TRUE(driver->read_raw("misuser.dead-letters").empty());
  EXPECT_TRUE(driver->read_raw("misuser.balances").empty());
}

TEST_P(Misuse, of_schedule_and_sweep_in_process_costs_the_record_with_its_reason) {
  auto scheduling = open_misuser([](auto, auto) {
    return Actions{.on_process = [](ProcessorContext& context) {
      context.schedule("late", PunctuationType::wall_clock, 1'000, [](std::int64_t) {});
    }};
  });
  EXPECT_EQ(reason_of_letter(*scheduling), "schedule() outside of open(): call it there");
  auto sweeping = open_misuser([](auto store, auto) {
    return Actions{.on_process = [=](ProcessorContext& context) {
      context.sweep("late", PunctuationType::wall_clock, 1'000, store,
                    [](const std::string&, const Balance&, std::int64_t) {});
    }};
  });
  EXPECT_EQ(reason_of_letter(*sweeping), "sweep() outside of open(): call it there");
}

TEST_P(Misuse, of_an_interval_out_of_range_is_refused_with_its_name_and_range) {
  auto world = make_world();
  const auto log = world->connect({});
  const std::pair<const char*, std::int64_t InstanceOptions::*> settings[] = {
      {"snapshot_interval_ms", &InstanceOptions::snapshot_interval_ms},
      {"commit_interval_ms", &InstanceOptions::commit_interval_ms},
      {"max_task_idle_ms", &InstanceOptions::max_task_idle_ms},
      {"max_catch_up_wait_ms", &InstanceOptions::max_catch_up_wait_ms},
      {"keep_for_shadow_ms", &InstanceOptions::keep_for_shadow_ms}};
  for (const auto& [name, setting] : settings) {
    for (const std::int64_t value : {std::numeric_limits<std::int64_t>::max(),
                                     std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}}) {
      InstanceOptions options;
      options.*setting = value;
      const auto opened = Instance::open(*log, bank(), options,
                                         {world->clock(), world->files(), world->random(), {}});
      ASSERT_FALSE(opened) << name << " " << value;
      EXPECT_TRUE(opened.error().is(millrace::errc::invalid_argument));
      EXPECT_NE(opened.error().message().find(std::string(name) + " = "), std::string::npos);
      EXPECT_NE(opened.error().message().find(" to 31536000000"), std::string::npos);
    }
  }
}

// The longest ones are beyond the end of time, in ns, when they are added to a clock near it.
TEST_P(Misuse, of_the_longest_intervals_does_no_harm) {
  InstanceOptions options;
  options.state_directory = "/state";
  options.snapshot_interval_ms = options.commit_interval_ms = longest_interval_ms;
  options.max_catch_up_wait_ms = longest_interval_ms;
  auto driver = open_bank(options);
  if (driver->instance().status().commits > 0)
    GTEST_SKIP() << "a commit came before the record here, and the next is due in a year";
  driver->pipe("deposits", std::string("anna"), Deposited{1}, 1'000);
  driver->run_until_idle();
  EXPECT_EQ(totals(*driver).at("anna"), 1);
}

}  // namespace
}  // namespace millrace::stream::test
