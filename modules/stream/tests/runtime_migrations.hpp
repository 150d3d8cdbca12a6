// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A shop whose parts become one, and two again.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "millrace/stream/migrate.hpp"
#include "runtime_shop.hpp"

namespace millrace::stream::test {

inline Stream<std::string, Deposited> returns(TopologyBuilder& builder) {
  return builder.stream<std::string, Deposited>("returns");
}

inline Topology apart() {
  return topology([](auto& builder) {
    orders(builder).group_by_key().count("counts");
    returns(builder).group_by_key().count("returned");
  });
}

/// The counts are of both inputs.
inline Topology together() {
  return topology([](auto& builder) {
    orders(builder).merge(returns(builder)).group_by_key().count("counts");
    returns(builder).group_by_key().count("returned");
  });
}

inline std::unique_ptr<Driver> open_both(std::unique_ptr<RuntimeWorld> world, Topology topology,
                                         InstanceOptions options = {}) {
  auto driver = open_shop(std::move(world), std::move(topology), std::move(options));
  driver->declare_topic("returns", "counter", 2);
  driver->run_until_idle();
  return driver;
}

inline void give_back(Driver& driver, int from, int to) {
  for (int i = from; i < to; ++i)
    driver.pipe("returns", "customer-" + std::to_string(i % 3), Deposited{100}, 2'000 + i);
  driver.run_until_idle();
}

inline Result<TopologyMigration> migrate(Driver& driver, const Topology& to, bool dry_run = false) {
  const auto log = connect_shop(driver.world());
  return migrate_topology(*log, to.describe("json"), dry_run);
}

/// A process of the service beside the one of the driver.
class Beside {
 public:
  Beside(RuntimeWorld& world, const Topology& topology) : world_(world) {
    log_ = connect_shop(world, "beside");
    auto opened =
        Instance::open(*log_, topology, {}, {world.clock(), world.files(), world.random(), {}});
    if (!opened) throw std::runtime_error(opened.error().to_string());
    instance_ = *std::move(opened);
  }
  /// Steps until nothing is left to do; empty, or the code of the error that ended the instance.
  std::string run() {
    constexpr int idle_max = 20;
    for (int idle = 0; idle < idle_max;) {
      hear_of_all(*log_);
      const auto step = instance_->step();
      if (!step) {
        message_ = step.error().message();
        return std::string(step.error().code().name);
      }
      idle = step->worked ? 0 : idle + 1;
      if (!step->worked) world_.let_pass();
    }
    return {};
  }
  /// Of the error that ended the instance.
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  RuntimeWorld& world_;
  std::string message_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<Instance> instance_;
};

/// Writes without processing.
inline void pile_up(Driver& driver, const std::string& topic, int from, int to,
                    std::int64_t at_ms = 1'000) {
  for (int i = from; i < to; ++i)
    driver.pipe(topic, "customer-" + std::to_string(i % 3), Deposited{100}, at_ms + i);
}

inline void deploy_by_migration(Driver& driver, const Topology& to) {
  driver.deploy(to, [&] {
    const auto done = migrate(driver, to);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_FALSE(done->parts.empty());
  });
  driver.run_until_idle();
}

}  // namespace millrace::stream::test
