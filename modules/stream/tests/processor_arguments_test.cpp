// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <any>
#include <array>
#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "plan_runner.hpp"
#include "shop.hpp"

// What a processor is given, and what of its class is found while it is compiled.
namespace millrace::stream::test {
namespace {

using std::string;
using testing::ElementsAre;
using testing::HasSubstr;
using Numbers = StoreRef<string, std::int64_t>;

string problem_with(TopologyBuilder& builder) {
  const auto plan = builder.build();
  return plan ? "none" : plan.error().message();
}
constexpr const char* not_made_here = "given a store or an emitter that this builder did not make";

struct TwoStores {
  StoreRef<string, std::int64_t> first;
  StoreRef<string, string> second;
};
class Careless final : public Processor<string, Paid> {
 public:
  explicit Careless(const TwoStores& stores) : stores_(stores) {}
  void process(const string& key, const Paid&, ProcessorContext& context) override {
    context.store(stores_.second).put(key, "paid");
  }

 private:
  TwoStores stores_;
};

TEST(ProcessorArguments, a_store_that_nobody_made_is_refused) {
  TopologyBuilder builder("shop");
  const auto first = builder.store<string, std::int64_t>("first");
  const auto payments = builder.stream<string, Paid>("payments");
  payments.process<Careless>("careless", TwoStores{first, {}});
  EXPECT_THAT(problem_with(builder),
              HasSubstr(string("processor 'careless' was ") + not_made_here));
}

struct Nothing {
  StoreRef<string, Placed> store;
  void process(const string&, const Paid&, ProcessorContext&) {}
};
struct Silent {
  Emitter<string, Paid> out;
  void process(const string&, const Paid&, ProcessorContext&) {}
};

// Two builders that declare the same number their stores and emitters alike.
TEST(ProcessorArguments, a_store_of_another_builder_is_refused) {
  TopologyBuilder other("other");
  const auto foreign = other.store<string, Placed>("placed");
  TopologyBuilder builder("shop");
  const auto own = builder.store<string, Placed>("placed");
  ASSERT_EQ(foreign.id, own.id);
  builder.stream<string, Paid>("payments").process<Nothing>("p", foreign);
  EXPECT_THAT(problem_with(builder), HasSubstr(not_made_here));
}

TEST(ProcessorArguments, an_emitter_of_another_builder_is_refused) {
  TopologyBuilder other("other");
  const auto foreign = other.emitter<string, Paid>("out");
  TopologyBuilder builder("shop");
  const auto own = builder.emitter<string, Placed>("out");
  ASSERT_EQ(foreign.node, own.node);
  builder.stream<string, Paid>("payments").process<Silent>("p", foreign);
  EXPECT_THAT(problem_with(builder), HasSubstr(not_made_here));
}

TEST(ProcessorArguments, an_emitter_of_another_builder_has_no_stream) {
  TopologyBuilder other("other");
  const auto foreign = other.emitter<string, Paid>("out");
  TopologyBuilder builder("shop");
  ASSERT_EQ(foreign.node, (builder.emitter<string, Placed>("out").node));
  builder.stream(foreign).to("others");
  EXPECT_THAT(problem_with(builder),
              HasSubstr("stream() of an emitter that this builder did not make"));
}

TEST(ProcessorArguments, an_emitter_that_nobody_made_has_no_stream) {
  TopologyBuilder builder("shop");
  builder.stream<string, Paid>("payments").to("copies");
  builder.stream(Emitter<string, Paid>{}).to("others");
  EXPECT_THAT(problem_with(builder),
              HasSubstr("stream() of an emitter that this builder did not make"));
}

struct Keeper {
  std::vector<Numbers> stores;
  void process(const string& key, const Paid& paid, ProcessorContext& context) {
    context.store(stores.front()).put(key, paid.amount);
  }
};

TEST(ProcessorArguments, stores_are_found_in_sequences_optionals_and_tuples_and_count_once) {
  TopologyBuilder builder("shop");
  const auto listed = builder.store<string, std::int64_t>("listed");
  const auto paired = builder.store<string, std::int64_t>("paired");
  const auto out = builder.emitter<string, std::int64_t>("out");
  const auto make = [](const auto& stores, const auto&...) {
    return std::make_unique<Keeper>(stores);
  };
  builder.stream<string, Paid>("payments")
      .process("keep", make, std::vector{listed, listed}, std::optional(out),
               std::pair(string("a text"), paired), std::tuple(paired, 7));
  builder.stream(out).to("totals");
  const auto plan = builder.build();
  ASSERT_TRUE(plan) << plan.error().to_string();
  const auto node = std::find_if(plan->nodes().begin(), plan->nodes().end(),
                                 [](const NodeSpec& one) { return one.name == "keep"; });
  ASSERT_NE(node, plan->nodes().end());
  EXPECT_THAT(node->stores, ElementsAre(listed.id, paired.id));
  PlanRunner runner(*plan);
  runner.pipe("payments", string("o1"), Paid{3});
  EXPECT_EQ((runner.store<string, std::int64_t>("listed").get("o1")), 3);
}

// Takes any event, also without a key.
struct Counter {
  Emitter<string, std::int64_t> out;
  template <class Event>
  void process(const std::optional<string>& key, const Event&, ProcessorContext& context) {
    context.emit(out, key.value_or("none"), std::int64_t{sizeof(Event)});
  }
};

TEST(ProcessorArguments, a_template_may_take_records_without_a_key) {
  TopologyBuilder builder("shop");
  const auto out = builder.emitter<string, std::int64_t>("out");
  using Event = std::variant<Paid, Placed>;
  builder.stream<string, Event>("events").process<Counter>("counter", out);
  builder.stream(out).to("sizes");
  PlanRunner runner(*builder.build());
  runner.pipe_without_key("events", Event(Paid{3}));
  EXPECT_THAT(runner.sent("sizes"), ElementsAre("\"none\"=" + std::to_string(sizeof(Paid))));
}

// An open() that cannot be called is found, and not passed over.
struct Plain {};
struct Open {
  void open(ProcessorContext&);
};
struct OverloadedOpen {
  void open(ProcessorContext&);
  void open(int);
};
struct TemplateOpen {
  void open(auto&);
};
class PrivateOpen {
  [[maybe_unused]] void open(ProcessorContext&) {}
};
struct OtherOpen {
  void open(const string&);
};
struct MemberOpen {
  Emitter<string, Paid> open;
};
static_assert(!detail::Opens<Plain> && !detail::HasOpen<Plain>);
static_assert(detail::Opens<Open> && detail::Opens<OverloadedOpen> && detail::Opens<TemplateOpen>);
static_assert(!detail::Opens<PrivateOpen> && detail::HasOpen<PrivateOpen>);
static_assert(!detail::Opens<OtherOpen> && detail::HasOpen<OtherOpen>);
static_assert(!detail::Opens<MemberOpen> && detail::HasOpen<MemberOpen>);

// Which process() takes an event: one of exactly its types.
using Either = std::variant<Paid, Placed>;
template <class... Event>
struct Takes {};
template <class Event, class... More>
struct Takes<Event, More...> : Takes<More...> {
  using Takes<More...>::process;
  void process(const string&, const Event&, ProcessorContext&);
};
template <class Event>
struct Takes<Event> {
  void process(const string&, const Event&, ProcessorContext&);
};
struct Narrow {
  Narrow(const Paid&);  // NOLINT(google-explicit-constructor)
};
struct ReturnsBool {
  bool process(const string&, const Paid&, ProcessorContext&);
};
struct ByValue {
  void process(const string&, Paid, ProcessorContext&);
};
struct Static {
  static void process(const string&, const Paid&, ProcessorContext&);
};
struct NoExcept {
  void process(const string&, const Paid&, ProcessorContext&) const noexcept;
};
class Private {
  [[maybe_unused]] void process(const string&, const Paid&, ProcessorContext&) {}
};
template <class P, class Event>
constexpr bool can_take = detail::can_process<P, string, Event>();
static_assert(can_take<Takes<Paid>, Paid> && can_take<NoExcept, Paid>);
static_assert(can_take<Takes<Paid, Placed>, Either> && can_take<Takes<Either>, Either>);
static_assert(can_take<Takes<Paid, Placed>, std::variant<const Paid*, const Placed*>>);
static_assert(can_take<Takes<Paid, Placed>, std::variant<const Either*, const Paid*>>);
static_assert(!can_take<Takes<std::int32_t>, std::int64_t> && !can_take<Takes<Narrow>, Paid>);
static_assert(!can_take<Takes<bool>, std::variant<const Paid*, const Placed*>>);
static_assert(!can_take<Takes<Paid>, Either>);  // Placed was forgotten
static_assert(!can_take<ReturnsBool, Paid> && !can_take<ByValue, Paid>);
static_assert(!can_take<Static, Paid> && !can_take<Private, Paid>);
static_assert(detail::can_process_some<Takes<Paid>, string, Either>());
static_assert(!detail::can_process_some<Takes<Either>, string, Either>());

struct EachAndNone {
  Emitter<string, std::int64_t> out;
  void process(const string& key, const Paid& paid, ProcessorContext& context) {
    context.emit(out, key, paid.amount);
  }
  void process(const string& key, const Placed&, ProcessorContext& context) {
    context.emit(out, key, 100);
  }
  void process(const string& key, const std::optional<Either>& event, ProcessorContext& context) {
    context.emit(out, key, event ? -2 : -1);
  }
};

TEST(ProcessorArguments, beside_a_process_for_each_event_one_of_an_optional_takes_deletions) {
  TopologyBuilder builder("shop");
  const auto out = builder.emitter<string, std::int64_t>("out");
  builder.stream<string, Either>("events").process<EachAndNone>("each", out);
  builder.stream(out).to("numbers");
  PlanRunner runner(*builder.build());
  runner.pipe("events", string("a"), Either(Paid{3}));
  runner.pipe("events", string("b"), Either(Placed{}));
  runner.pipe_deletion("events", string("c"));
  EXPECT_THAT(runner.sent("numbers"), ElementsAre("\"a\"=3", "\"b\"=100", "\"c\"=-1"));
}

// A member that has no argument is found, also one that can be moved only.
struct ThreeMembers {
  Numbers first;
  std::unique_ptr<int> second;
  Emitter<string, Paid> third;
};
template <class P, class Probe>
constexpr bool has_more_than_one_member = std::constructible_from<P, const Numbers&, Probe>;
static_assert(has_more_than_one_member<ThreeMembers, detail::AnyMoved<ThreeMembers>>);
static_assert(has_more_than_one_member<TwoStores, detail::AnyMember<TwoStores>> ||
              has_more_than_one_member<TwoStores, detail::AnyMoved<TwoStores>>);
static_assert(!has_more_than_one_member<Keeper, detail::AnyMoved<Keeper>>);

// In which structs stores are found.
struct Settings {
  int limit;
  string name;
  std::optional<int> most;
  std::vector<Numbers> stores;
  std::function<void()> call;
  std::variant<int, string> either;
  std::any any;
  std::array<int, 3> some;
  std::map<int, int> map;
  Plain plain;
  const char* text;
  std::pair<int, Numbers> pair;
};
struct References {
  int& number;
  const string& text;
};
struct Array {
  char name[16];
  int limit;
};
struct Derived : Numbers {
  int limit;
};
static_assert(detail::has_plain_members<Plain>() && detail::has_plain_members<Settings>());
static_assert(detail::has_plain_members<References>());
static_assert(!detail::has_plain_members<Array>() && !detail::has_plain_members<Derived>());

// What emit() does not convert, because it would lose something.
template <class V, class Value>
concept Emits = requires(ProcessorContext& context, const Emitter<string, V>& out,
                         const string& key, const Value& value) {
  context.emit(out, key, value);
  context.emit_at(0, out, key, value);
};
static_assert(Emits<std::int64_t, int> && Emits<double, int> && Emits<string, char[5]>);
static_assert(Emits<std::int64_t, std::optional<int>> && Emits<std::optional<int>, int>);
static_assert(Emits<bool, bool> && Emits<bool, std::optional<bool>>);
static_assert(!Emits<bool, char[5]> && !Emits<bool, int> && !Emits<std::optional<bool>, char[5]>);
static_assert(!Emits<std::int64_t, double> && !Emits<std::int64_t, std::optional<double>>);
static_assert(!Emits<std::optional<int>, double> && !Emits<std::int64_t, string>);

}  // namespace
}  // namespace millrace::stream::test
