// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A shop with parts that are connected by repartitions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime_migrations.hpp"

namespace millrace::stream::test {

/// Three parts, each behind the one before: those of counts, by-amount and updates.
inline Topology chain() {
  return topology([](auto& builder) {
    orders(builder).group_by_key().count("counts");
    orders(builder)
        .group_by([](const Deposited& order) { return order.amount; })
        .count("by-amount")
        .to_stream()
        .group_by([](std::int64_t) { return std::string("all"); })
        .count("updates");
    returns(builder).group_by_key().count("returned");
  });
}

inline const std::vector<std::string> chain_topics = {"shop.by-amount.repartition",
                                                      "shop.updates.repartition"};

inline std::vector<std::int64_t> chain_totals(Driver& driver) {
  return {counted(driver),
          driver.store<std::int64_t, std::int64_t>("by-amount").get(100).value_or(0),
          counted(driver, "updates")};
}

inline std::vector<log::TopicPartition> partitions_of(Driver& driver, const std::string& topic) {
  const auto found = driver.tool().find_topic(topic);
  if (!found) throw std::runtime_error(found.error().to_string());
  std::vector<log::TopicPartition> partitions;
  for (std::int32_t i = 0; i < found->spec.partitions; ++i)
    partitions.push_back({found->id, log::partition(i)});
  return partitions;
}

/// The group of the live part that has the store.
inline std::string group_with(Driver& driver, const std::string& store) {
  const auto manifest = read_manifest(driver.tool(), "shop");
  for (const Manifest::Part& part : (*manifest)->parts) {
    for (const Manifest::Store& one : part.stores) {
      if (part.state == "live" && one.name == store) return "shop/" + part.name;
    }
  }
  throw std::runtime_error("no live part has " + store);
}

using Positions = std::vector<std::optional<log::Offset>>;

inline Positions positions_of(Driver& driver, const std::string& group, const std::string& topic) {
  return driver.tool()
      .positions(driver.tool().group(group).value(), partitions_of(driver, topic))
      .value();
}

/// Such a log removes nothing because groups have read it.
inline bool forgets_positions(Driver& driver) {
  return driver.tool().position_retention_ms().has_value();
}

/// Repartitions have as many partitions as what was given back.
inline std::unique_ptr<Driver> open_shops(std::unique_ptr<RuntimeWorld> world, Topology topology) {
  auto driver = open_shop(std::move(world), std::move(topology));
  driver->declare_topic("returns", "counter", 4);
  driver->run_until_idle();
  return driver;
}

inline std::unique_ptr<Driver> open_chain(std::unique_ptr<RuntimeWorld> world) {
  auto driver = open_shops(std::move(world), chain());
  give_back(*driver, 0, 3);
  order(*driver, 0, 6);
  return driver;
}

}  // namespace millrace::stream::test
