// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

PlanRunner run(bool declare) {
  TopologyBuilder builder("shop");
  const auto totals = builder.store<string, std::int64_t>("totals");
  const auto out = builder.emitter<string, std::int64_t>("out");
  const auto make = [=] { return std::make_unique<Totals>(totals, out); };
  const auto payments = builder.stream<string, Paid>("payments");
  if (declare) {
    payments.process("sum", make, uses(totals), emits(out));
  } else {
    payments.process("sum", make, uses(totals));
    payments.process("other", make, uses(totals), emits(out));
  }
  builder.stream(out).to("totals");
  auto plan = builder.build();
  if (!plan) throw std::runtime_error(plan.error().to_string());
  return PlanRunner(*std::move(plan));
}

TEST(Processor, keeps_state_and_emits) {
  auto runner = run(true);
  runner.pipe("payments", string("o1"), Paid{3});
  runner.pipe("payments", string("o1"), Paid{4});
  EXPECT_THAT(runner.sent("totals"), ElementsAre(R"("o1"=3)", R"("o1"=7)"));
  EXPECT_EQ((runner.store<string, std::int64_t>("totals").get("o1")), 7);
}

TEST(Processor, its_punctuators_are_known_by_its_name_and_theirs) {
  auto runner = run(true);
  runner.pipe("payments", string("o2"), Paid{3});
  runner.pipe("payments", string("o1"), Paid{4});
  static_cast<void>(runner.sent("totals"));
  runner.fire("sum.report", 1000);
  EXPECT_THAT(runner.sent("totals"), ElementsAre(R"("o1@1000"=4)", R"("o2@1000"=3)"));
}

TEST(Processor, sends_what_it_refuses_to_the_dead_letters) {
  auto runner = run(true);
  runner.pipe("payments", string("o1"), Paid{0});
  EXPECT_THAT(runner.dead_letters(), ElementsAre("shop.nothing_paid: the amount is 0"));
}

TEST(ProcessorDeathTest, emitting_through_an_undeclared_emitter_aborts) {
  auto runner = run(false);
  EXPECT_DEATH(runner.pipe("payments", string("o1"), Paid{3}), "add emits");
}

TEST(Store, ranges_are_in_key_order_and_end_before_the_upper_key) {
  auto runner = run(true);
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
  ByteStore bytes;
  Store<string, string>(bytes).put("k", "a text that is no number");
  const Store<string, Placed> store(bytes);
  EXPECT_THROW(static_cast<void>(store.get("k")), StoredFormatError);
}

}  // namespace
}  // namespace millrace::stream::test
