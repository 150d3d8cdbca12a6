// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A shop that comes back with other topologies and types.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/stream/manifest.hpp"
#include "millrace/stream/reset.hpp"
#include "millrace/stream/topology.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {

/// Types of the same name in different builds.
namespace v1 {
struct Entry {
  std::int64_t debit = 0;
  std::int64_t credit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit, credit))
}  // namespace v1

namespace swapped {
struct Entry {
  std::int64_t credit = 0;
  std::int64_t debit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (credit, debit))
}  // namespace swapped

namespace longer {
struct Entry {
  std::int64_t debit = 0;
  std::int64_t credit = 0;
  std::string note = "none";
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit, credit, note))
}  // namespace longer

namespace narrow {
struct Entry {
  std::int32_t debit = 0;
  std::int64_t credit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit, credit))
}  // namespace narrow

namespace noted {
struct Entry {
  std::string note = "none";
  std::int64_t credit = 0;
  std::int64_t debit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (note, credit, debit))
}  // namespace noted

namespace shorter {
struct Entry {
  std::int64_t debit = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit))
}  // namespace shorter

namespace renamed {
struct Entry {
  std::int64_t debit = 0;
  std::int64_t credits = 0;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (debit, credits))
}  // namespace renamed

inline Topology topology(const std::function<void(TopologyBuilder&)>& declare) {
  TopologyBuilder builder("shop");
  declare(builder);
  auto plan = builder.build();
  if (!plan) throw std::runtime_error(plan.error().to_string());
  return *std::move(plan);
}

inline Stream<std::string, Deposited> orders(TopologyBuilder& builder) {
  return builder.stream<std::string, Deposited>("orders");
}

inline Topology counts() {
  return topology([](auto& builder) { orders(builder).group_by_key().count("counts"); });
}

template <class E>
E booked(const Deposited& order, E entry) {
  entry.debit = static_cast<decltype(entry.debit)>(entry.debit + order.amount);
  if constexpr (requires { entry.credit; }) entry.credit += 7;
  return entry;
}

template <class E>
Topology ledger() {
  return topology([](auto& builder) {
    orders(builder).group_by_key().aggregate(
        E{}, [](const Deposited& order, E so_far) { return booked(order, so_far); }, "ledger");
  });
}

inline std::unique_ptr<Driver> open_shop(std::unique_ptr<RuntimeWorld> world, Topology topology,
                                         InstanceOptions options = {}) {
  auto driver = std::make_unique<Driver>(std::move(world), std::move(topology), std::move(options));
  driver->declare_topic("orders", "counter", 2);
  driver->run_until_idle();
  return driver;
}

inline void order(Driver& driver, int from, int to) {
  for (int i = from; i < to; ++i)
    driver.pipe("orders", "customer-" + std::to_string(i % 3), Deposited{100}, 1'000 + i);
  driver.run_until_idle();
}

inline std::int64_t counted(Driver& driver, const std::string& store = "counts") {
  std::int64_t sum = 0;
  for (const auto& [customer, count] : driver.store<std::string, std::int64_t>(store).all())
    sum += count;
  return sum;
}

inline std::int64_t revision(Driver& driver) {
  const auto manifest = read_manifest(driver.tool(), "shop");
  if (!manifest || !*manifest) throw std::runtime_error("there is no manifest");
  return (*manifest)->revision;
}

inline bool reported(const Driver& driver, std::string_view part) {
  return std::any_of(driver.events().begin(), driver.events().end(), [&](const std::string& event) {
    return event.find(part) != std::string::npos;
  });
}

/// A handle of the service beside the driver's, which has heard of all.
inline std::unique_ptr<log::Log> connect_shop(RuntimeWorld& world, std::string member = {}) {
  log::LogOptions options;
  options.service = "shop";
  options.member = std::move(member);
  auto log = world.connect(std::move(options));
  hear_of_all(*log);
  return log;
}

inline Status reset(Driver& driver, const std::vector<std::string>& stores, bool dry_run = false) {
  const auto log = connect_shop(driver.world());
  const auto done = reset_topology(*log, "shop", stores, dry_run);
  return done ? Status{} : fail(done.error());
}

}  // namespace millrace::stream::test
