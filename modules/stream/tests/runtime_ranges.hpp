// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A shop that keeps in which order it took the records of several topics.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime_shop.hpp"

namespace millrace::stream::test {

/// Where the part that took() makes keeps ranges.
inline constexpr const char* ranges_topic = "shop.took.system.ranges";

/// Keeps and publishes by key what it took, in the order in which it did: `left7 right3 `.
class Took final : public Processor<std::string, std::string> {
 public:
  Took(StoreRef<std::string, std::string> taken, Emitter<std::string, std::string> out)
      : taken_(taken), out_(out) {}
  void process(const std::string& key, const std::string& what,
               ProcessorContext& context) override {
    auto store = context.store(taken_);
    store.put(key, store.get(key).value_or("") + what + " ");
    context.emit(out_, key, *store.get(key));
  }

 private:
  StoreRef<std::string, std::string> taken_;
  Emitter<std::string, std::string> out_;
};

struct Taken {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Taken, (), (text))

inline const std::vector<std::string> sides{"left", "middle", "right"};

/// Topics as one stream, in the store `name`.
inline void add_took(TopologyBuilder& builder, const std::vector<std::string>& topics,
                     const std::string& name) {
  const auto taken = builder.store<std::string, std::string>(name);
  const auto out = builder.emitter<std::string, std::string>("out");
  const auto named = [&](const std::string& side) {
    return builder.stream<std::string, Deposited>(side).map_values(
        [side](const Deposited& deposit) { return side + std::to_string(deposit.amount); });
  };
  auto all = named(topics.front());
  for (std::size_t i = 1; i < topics.size(); ++i)
    all = all.merge(named(topics[i]));
  all.process<Took>("took", taken, out);
  builder.stream(out)
      .map_values([](const std::string& text) { return Taken{text}; })
      .to("shop.taken");
}

inline Topology took(const std::vector<std::string>& topics = sides) {
  return topology([&](TopologyBuilder& builder) { add_took(builder, topics, "taken"); });
}

class InputRangesTest : public RuntimeTest {
 protected:
  static std::unique_ptr<Driver> open_took(InstanceOptions options = {}) {
    auto driver = open(took(), std::move(options));
    for (const std::string& side : sides)
      driver->declare_topic(side, "counter", 1);
    driver->run_until_idle();
    return driver;
  }
  /// Appends the next record, without processing.
  void pipe(Driver& driver, const std::string& side, std::int64_t time_ms) {
    driver.pipe(side, std::string("a"), Deposited{++number_}, time_ms);
  }
  /// Appends the next record and processes it. On a cluster it may be seen some steps later, and
  /// would be taken together with the next one.
  void take(Driver& driver, const std::string& side, std::int64_t time_ms) {
    const auto before = driver.instance().status().records;
    pipe(driver, side, time_ms);
    driver.run_until([&] { return driver.instance().status().records > before; });
    driver.run_until_idle();
  }
  static std::string taken(Driver& driver, const std::string& store = "taken") {
    return driver.store<std::string, std::string>(store).get("a").value_or("");
  }
  /// Resets the store `taken`, and starts a topology without running it.
  static void begin_rebuild(Driver& driver, Topology topology = took()) {
    driver.deploy(std::move(topology), [&] { ASSERT_TRUE(reset(driver, {"taken"})); });
  }
  static void rebuild(Driver& driver, Topology topology = took()) {
    begin_rebuild(driver, std::move(topology));
    driver.run_until_idle();
  }
  static std::size_t ranges(Driver& driver) { return driver.all_raw(ranges_topic).size(); }

 private:
  std::int64_t number_ = 0;
};

}  // namespace millrace::stream::test
