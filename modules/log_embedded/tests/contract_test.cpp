// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "embedded_world.hpp"
#include "millrace/log_embedded/embedded.hpp"

namespace millrace::log {
namespace {

class RealFixture final : public LogFixture {
 public:
  std::unique_ptr<Log> connect(LogOptions options) override {
    register_embedded();
    auto log = open_log("file:" + directory_.path(), environment_, std::move(options));
    if (!log) {
      ADD_FAILURE() << log.error().to_string();
      return nullptr;
    }
    return *std::move(log);
  }
  void kill(Log& handle) override { abandon(handle); }
  Clock& clock() override { return clock_; }
  void advance_ms(std::int64_t ms) override { clock_.advance_ms(ms); }

 private:
  TemporaryDirectory directory_;
  SkewedClock clock_;
  SeededRandom random_{1};
  LogEnvironment environment_{clock_, real_file_system(), random_, real_processes()};
};

class SimulatedFixture final : public LogFixture {
 public:
  std::unique_ptr<Log> connect(LogOptions options) override {
    return machine_.open(std::move(options));
  }
  void kill(Log& handle) override { abandon(handle); }
  Clock& clock() override { return machine_.clock; }
  void advance_ms(std::int64_t ms) override { machine_.clock.advance_ms(ms); }
  bool blocks() const override { return false; }

 private:
  SimulatedMachine machine_;
};

INSTANTIATE_TEST_SUITE_P(
    Embedded, LogContract,
    testing::Values(LogBackend{"real", [] { return std::make_unique<RealFixture>(); }},
                    LogBackend{"simulated", [] { return std::make_unique<SimulatedFixture>(); }}),
    backend_name);

}  // namespace
}  // namespace millrace::log
