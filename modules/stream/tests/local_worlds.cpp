// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Worlds without a cluster: the log in memory, and the embedded one on a simulated machine. Time
// moves only by the test, or while a member of the embedded log waits.
#include "embedded_world.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_embedded/shared_region.hpp"
#include "millrace/log_embedded/tools.hpp"

namespace millrace::stream::test {

namespace {

class MemoryWorld final : public RuntimeWorld {
 public:
  Clock& clock() override { return clock_; }
  void advance_ms(std::int64_t ms) override { clock_.advance_ms(ms); }
  ManualClock* manual_clock() override { return &clock_; }
  log::MemoryBroker* broker() override { return &broker_; }

 private:
  Result<std::unique_ptr<log::Log>> open(log::LogOptions options) override {
    return broker_.connect(std::move(options));
  }
  void abandon(log::Log& handle) override { broker_.kill_member(handle); }

  ManualClock clock_;
  log::MemoryBroker broker_{clock_, true};
};

class EmbeddedWorld final : public RuntimeWorld {
 public:
  explicit EmbeddedWorld(log::SettleOptions settle) : settle_(settle) {}
  EmbeddedWorld(FaultFileSystem& disk, std::uint64_t seed) : disk_(disk), log_random_(seed) {}
  Clock& clock() override { return clock_; }
  void advance_ms(std::int64_t ms) override { clock_.advance_ms(ms); }
  ManualClock* manual_clock() override { return &clock_; }

 private:
  Result<std::unique_ptr<log::Log>> open(log::LogOptions options) override {
    log::EmbeddedOptions embedded;
    embedded.segment_bytes = 8U << 20U;
    embedded.regions = &regions_;
    embedded.settle = settle_;
    return log::open_embedded("/log", environment_, std::move(options), embedded);
  }
  void abandon(log::Log& handle) override { log::abandon(handle); }

  log::SettleOptions settle_;
  FaultFileSystem own_disk_;
  FaultFileSystem& disk_ = own_disk_;
  ManualClock clock_;
  SeededRandom log_random_{1};
  SimulatedProcesses processes_;
  SimulatedRegions regions_{clock_};
  log::LogEnvironment environment_{clock_, disk_, log_random_, processes_};
};

}  // namespace

std::unique_ptr<RuntimeWorld> make_embedded_world(log::SettleOptions settle) {
  return std::make_unique<EmbeddedWorld>(settle);
}

std::unique_ptr<RuntimeWorld> make_embedded_world(FaultFileSystem& disk, std::uint64_t seed) {
  return std::make_unique<EmbeddedWorld>(disk, seed);
}

std::vector<RuntimeBackend> runtime_backends() {
  return {{"memory", [] { return std::make_unique<MemoryWorld>(); }, false},
          {"embedded", [] { return make_embedded_world({}); }, false}};
}

}  // namespace millrace::stream::test
