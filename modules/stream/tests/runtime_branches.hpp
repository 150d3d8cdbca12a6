// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/level.hpp"
#include "millrace/base/mutex.hpp"
#include "runtime_fixture.hpp"

namespace millrace::stream::test {

/// Several instances of the bank over one log.
class Branches : public RuntimeTest {
 protected:
  // What an instance reported, `level: message: detail`. Thread-safe.
  class Events {
   public:
    void add(std::string event) {
      const MutexLock lock(mutex_);
      events_.push_back(std::move(event));
    }
    std::vector<std::string> all() const {
      const MutexLock lock(mutex_);
      return events_;
    }

   private:
    mutable Mutex mutex_;
    std::vector<std::string> events_ MILLRACE_GUARDED_BY(mutex_);
  };
  struct Branch {
    std::unique_ptr<log::Log> log;
    std::unique_ptr<Instance> instance;
    std::shared_ptr<Events> events;
  };

  Branches() { writer_.declare_topic("deposits", "teller"); }

  /// `files`: for its snapshots; null: those of the world.
  Branch open(const std::string& member, InstanceOptions instance = {},
              FileSystem* files = nullptr) {
    log::LogOptions options;
    options.service = "bank";
    options.member = member;
    Branch branch{world_->connect(std::move(options)), nullptr, std::make_shared<Events>()};
    const auto note = [events = branch.events](Level level, std::string_view message,
                                               std::string_view detail) {
      events->add(std::string(level_name(level)) + ": " + std::string(message) + ": " +
                  std::string(detail));
    };
    auto opened = Instance::open(
        *branch.log, topology_, std::move(instance),
        {world_->clock(), files == nullptr ? world_->files() : *files, world_->random(), note});
    if (!opened) throw std::runtime_error(opened.error().to_string());
    branch.instance = *std::move(opened);
    world_->add_housekeeping(
        *branch.log, [opened_instance = branch.instance.get()] { opened_instance->maintain(); });
    return branch;
  }

  bool step(Branch& branch) {
    hear_of_all(*branch.log);
    const auto result = branch.instance->step();
    if (!result) throw std::runtime_error(result.error().to_string());
    return result->worked;
  }

  // Until nobody has anything to do, and each task has its owner.
  void rest(const std::vector<Branch*>& branches) {
    for (int rounds = 0, idle = 0; idle < 3; ++rounds) {
      if (rounds == rounds_max) throw std::runtime_error("the branches do not come to rest");
      bool worked = false;
      std::size_t tasks = 0;
      for (Branch* branch : branches) {
        worked |= step(*branch);
        const InstanceStatus status = branch->instance->status();
        worked |= !status.ready;
        tasks += status.tasks.size();
      }
      idle = worked || tasks != tasks_of(*tool_, topology_) ? 0 : idle + 1;
      world_->let_pass();
    }
  }

  void deposit(int count) {
    for (int i = 0; i < count; ++i)
      writer_.write("deposits", "account-" + std::to_string(i % 17), Deposited{1}, 1'000 + i);
  }

  // What all published balances come to, having checked that none is missing or doubled.
  std::size_t published() {
    testkit::TopicReader reader(*tool_);
    const auto balances =
        reader.decode_all<std::string, Balance>("bank.balances", reader.all("bank.balances"));
    EXPECT_TRUE(without_gap_or_repeat(balances));
    return balances.size();
  }

  static constexpr int rounds_max = 10'000;
  std::unique_ptr<RuntimeWorld> world_ = make_world();
  Topology topology_ = bank();
  testkit::EventWriter writer_{
      [this](log::LogOptions options) { return world_->connect(std::move(options)); }};
  std::unique_ptr<log::Log> tool_ = world_->connect_observer();
};

}  // namespace millrace::stream::test
