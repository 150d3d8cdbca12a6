// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/stream/memory_store.hpp"
#include "plan_runner.hpp"
#include "shop.hpp"

namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;

/// Sums what was paid by order and tells of it; zero is refused.
class Totals final : public Processor<string, Paid> {
 public:
  Totals(StoreRef<string, std::int64_t> totals, Emitter<string, std::int64_t> out)
      : totals_(totals), out_(out) {}

  void open(ProcessorContext& context) override {
    context.schedule(
        "report", PunctuationType::stream_time, 1000, [this, &context](std::int64_t time_ms) {
          context.store(totals_).all([&](const string& key, const std::int64_t& total) {
            context.emit(out_, key + "@" + std::to_string(time_ms), total);
            return true;
          });
        });
  }
  void process(const string& key, const Paid& paid, ProcessorContext& context) override {
    if (paid.amount == 0) return context.dead_letter({"shop.nothing_paid"}, "the amount is 0");
    auto totals = context.store(totals_);
    const std::int64_t total = totals.get(key).value_or(0) + paid.amount;
    totals.put(key, total);
    context.emit(out_, key, total);
  }

 private:
  StoreRef<string, std::int64_t> totals_;
  Emitter<string, std::int64_t> out_;
};

PlanRunner run(bool given = true) {
  TopologyBuilder builder("shop");
  const auto totals = builder.store<string, std::int64_t>("totals");
  const auto out = builder.emitter<string, std::int64_t>("out");
  const auto payments = builder.stream<string, Paid>("payments");
  if (given) {
    payments.process<Totals>("sum", totals, out);
  } else {
    // As a number it is not known to be an emitter.
    const auto make = [](const auto& store, NodeId emitter) {
      return std::make_unique<Totals>(store, Emitter<string, std::int64_t>{emitter});
    };
    payments.process("sum", make, totals, out.node);
    payments.process<Totals>("other", totals, out);
  }
  builder.stream(out).to("totals");
  auto plan = builder.build();
  if (!plan) throw std::runtime_error(plan.error().to_string());
  return PlanRunner(*std::move(plan));
}

TEST(Processor, keeps_state_and_emits) {
  auto runner = run();
  runner.pipe("payments", string("o1"), Paid{3});
  runner.pipe("payments", string("o1"), Paid{4});
  EXPECT_THAT(runner.sent("totals"), ElementsAre(R"("o1"=3)", R"("o1"=7)"));
  EXPECT_EQ((runner.store<string, std::int64_t>("totals").get("o1")), 7);
}

TEST(Processor, its_punctuators_are_known_by_its_name_and_theirs) {
  auto runner = run();
  runner.pipe("payments", string("o2"), Paid{3});
  runner.pipe("payments", string("o1"), Paid{4});
  static_cast<void>(runner.sent("totals"));
  runner.fire("sum.report", 1000);
  EXPECT_THAT(runner.sent("totals"), ElementsAre(R"("o1@1000"=4)", R"("o2@1000"=3)"));
}

TEST(Processor, sends_what_it_refuses_to_the_dead_letters) {
  auto runner = run();
  runner.pipe("payments", string("o1"), Paid{0});
  EXPECT_THAT(runner.dead_letters(), ElementsAre("shop.nothing_paid: the amount is 0"));
}

TEST(Processor, an_emitter_that_it_was_not_given_is_refused_with_the_remedy) {
  auto runner = run(false);
  try {
    runner.pipe("payments", string("o1"), Paid{3});
    FAIL() << "it was emitted";
  } catch (const std::logic_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("processor 'sum' emits through an emitter that it "
                                                 "was not given: pass the emitter to process()"));
  }
}

// A class that is no Processor, with a process() for each event; its stores come in a plain struct.
struct Books {
  StoreRef<string, std::int64_t> balances;
  string currency;
};
struct Accountant {
  Books books;
  Emitter<string, std::variant<Paid, Placed>> out;
  void process(const string& key, const Paid& paid, ProcessorContext& context) {
    auto balances = context.store(books.balances);
    balances.put(key, balances.get(key).value_or(0) + paid.amount);
    context.emit(out, key, paid);
  }
  void process(const string& key, const Placed& placed, ProcessorContext& context) {
    context.emit(out, key + " in " + books.currency, placed);
    context.emit(out, key, std::nullopt);
  }
};

PlanRunner accounts(bool merged) {
  TopologyBuilder builder("shop");
  const Books books{builder.store<string, std::int64_t>("balances"), "GBP"};
  const auto out = builder.emitter<string, std::variant<Paid, Placed>>("out");
  if (merged) {
    builder.merge(builder.stream<string, Paid>("events"), builder.stream<string, Placed>("orders"))
        .process<Accountant>("accountant", books, out);
  } else {
    builder.stream<string, std::variant<Paid, Placed>>("events").process<Accountant>("accountant",
                                                                                     books, out);
  }
  builder.stream(out).to("accounts");
  auto plan = builder.build();
  if (!plan) throw std::runtime_error(plan.error().to_string());
  return PlanRunner(*std::move(plan));
}

TEST(Processor, may_have_a_process_for_each_event_of_a_variant) {
  auto runner = accounts(false);
  using Event = std::variant<Paid, Placed>;
  runner.pipe("events", string("o1"), Event(Paid{3}));
  runner.pipe("events", string("o1"), Event(Placed{"France", 2}));
  EXPECT_THAT(runner.sent("accounts"),
              ElementsAre(R"("o1"={"amount":3})", R"("o1 in GBP"={"country":"France","total":2})",
                          R"("o1"=null)"));
  EXPECT_EQ((runner.store<string, std::int64_t>("balances").get("o1")), 3);
}

// Takes one event, and lets all others pass.
struct Cashbook {
  Emitter<string, std::int64_t> out;
  void process(const string& key, const Paid& paid, ProcessorContext& context) {
    context.emit(out, key, paid.amount);
  }
  template <class Event>
  void process(const string& key, const Event&, ProcessorContext& context) {
    context.emit(out, "other " + key, 0);
  }
};

TEST(Processor, may_take_whatever_it_has_no_process_for) {
  TopologyBuilder builder("shop");
  const auto out = builder.emitter<string, std::int64_t>("out");
  using Event = std::variant<Paid, Placed>;
  builder.stream<string, Event>("events").process<Cashbook>("cashbook", out);
  builder.stream(out).to("amounts");
  PlanRunner runner(*builder.build());
  runner.pipe("events", string("o1"), Event(Paid{3}));
  runner.pipe("events", string("o1"), Event(Placed{"France", 2}));
  runner.pipe_deletion("events", string("o1"));
  EXPECT_THAT(runner.sent("amounts"), ElementsAre(R"("o1"=3)", R"("other o1"=0)"));
}

struct Opening {
  std::shared_ptr<int> opened;
  void open(ProcessorContext&) { ++*opened; }
  void process(const string&, const Paid&, ProcessorContext&) const {}
};
// What a base hides is called through it.
class Hidden final : public Processor<string, Paid> {
 public:
  explicit Hidden(std::shared_ptr<int> opened) : opened_(std::move(opened)) {}

 private:
  void open(ProcessorContext&) override { ++*opened_; }
  void process(const string&, const Paid&, ProcessorContext&) override {}
  std::shared_ptr<int> opened_;
};

TEST(Processor, is_opened_with_a_base_and_without) {
  const auto opened = std::make_shared<int>(0);
  TopologyBuilder builder("shop");
  const auto payments = builder.stream<string, Paid>("payments");
  payments.process<Opening>("plain", opened);
  payments.process<Hidden>("hidden", opened);
  PlanRunner runner(*builder.build());
  EXPECT_EQ(*opened, 2);
}

class Impatient final : public Processor<string, Paid> {
 public:
  void open(ProcessorContext& context) override {
    context.schedule("never", PunctuationType::wall_clock, 0, [](std::int64_t) {});
  }
  void process(const string&, const Paid&, ProcessorContext&) override {}
};

TEST(Processor, a_timer_without_an_interval_is_refused) {
  TopologyBuilder builder("shop");
  builder.stream<string, Paid>("payments").process<Impatient>("impatient");
  EXPECT_THROW(PlanRunner(*builder.build()), std::invalid_argument);
}

// An optional is a value like any other where the emitter has that type.
struct Maybe {
  Emitter<string, std::optional<std::int64_t>> out;
  void process(const string& key, const Paid& paid, ProcessorContext& context) {
    context.emit(out, key, paid.amount == 0 ? std::nullopt : std::optional(paid.amount));
    context.emit(out, key, std::nullopt);
  }
};

TEST(Processor, emits_optionals_as_values_where_the_emitter_has_them) {
  TopologyBuilder builder("shop");
  const auto out = builder.emitter<string, std::optional<std::int64_t>>("out");
  builder.stream<string, Paid>("payments").process<Maybe>("maybe", out);
  builder.stream(out)
      .map_values([](const std::optional<std::int64_t>& amount) { return amount.value_or(-1); })
      .to("amounts");
  PlanRunner runner(*builder.build());
  runner.pipe("payments", string("o1"), Paid{3});
  runner.pipe("payments", string("o2"), Paid{0});
  EXPECT_THAT(runner.sent("amounts"),
              ElementsAre(R"("o1"=3)", R"("o1"=null)", R"("o2"=-1)", R"("o2"=null)"));
}

TEST(Processor, may_have_a_process_for_each_event_of_merged_streams) {
  auto runner = accounts(true);
  runner.pipe("events", string("o1"), Paid{3});
  runner.pipe("orders", string("o1"), Placed{"France", 2});
  EXPECT_THAT(runner.sent("accounts"),
              ElementsAre(R"("o1"={"amount":3})", R"("o1 in GBP"={"country":"France","total":2})",
                          R"("o1"=null)"));
}

TEST(Store, ranges_are_in_key_order_and_end_before_the_upper_key) {
  auto runner = run();
  for (const char* key : {"c", "a", "b"})
    runner.pipe("payments", string(key), Paid{1});
  string seen;
  runner.store<string, std::int64_t>("totals").range("a", "c",
                                                     [&](const string& key, const std::int64_t&) {
                                                       seen += key;
                                                       return true;
                                                     });
  EXPECT_EQ(seen, "ab");
}

TEST(Store, what_this_build_cannot_read_is_an_exception_for_the_error_policy) {
  MemoryStore bytes;
  Store<string, string>(bytes, *codec::binary_serde()).put("k", "a text that is no number");
  const Store<string, Placed> store(bytes, *codec::binary_serde());
  EXPECT_THROW(static_cast<void>(store.get("k")), StoredFormatError);
}

}  // namespace
}  // namespace millrace::stream::test
