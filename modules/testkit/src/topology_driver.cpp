// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/topology_driver.hpp"

#include "millrace/base/level.hpp"
#include "topology_serdes.hpp"

namespace millrace::testkit {

namespace {
constexpr int steps_max = 100'000;
}  // namespace

TopologyDriver::TopologyDriver(stream::Topology topology, DriverOptions options)
    : topology_(std::move(topology)),
      options_(std::move(options)),
      clock_(options_.wall_ms),
      random_(options_.seed),
      broker_(clock_, true),
      writer_(broker_),
      tool_log_(broker_.connect({})),
      reader_(std::make_unique<TopicReader>(*tool_log_)) {
  start();
}

TopologyDriver::~TopologyDriver() = default;

void TopologyDriver::start() {
  use_serdes(topology_, writer_, *reader_);
  log::LogOptions options;
  options.service = topology_.service();
  options.member = topology_.service();
  log_ = broker_.connect(std::move(options));
  stream::Instance::Environment environment{
      clock_, files_, random_,
      [this](Level level, std::string_view message, std::string_view detail) {
        events_.push_back(std::string(level_name(level)) + ": " + std::string(message) + ": " +
                          std::string(detail));
      }};
  auto opened = stream::Instance::open(*log_, topology_, options_.instance, std::move(environment));
  if (!opened) throw TestError("opening the instance: " + opened.error().to_string());
  instance_ = *std::move(opened);
}

void TopologyDriver::declare_topic(const std::string& name, const std::string& owner,
                                   std::int32_t partitions, log::TopicKind kind) {
  writer_.declare_topic(name, owner, partitions, kind);
  // The instance looks for missing topics once a second.
  clock_.advance_ms(1'000);
}

void TopologyDriver::run_until_idle() {
  for (int i = 0; i < steps_max; ++i) {
    const auto step = instance_->step();
    if (!step) throw TestError("the instance ended: " + step.error().to_string());
    if (!step->worked) return;
  }
  throw TestError("the topology is not idle after " + std::to_string(steps_max) + " steps");
}

void TopologyDriver::advance_ms(std::int64_t ms) {
  clock_.advance_ms(ms);
  run_until_idle();
}

void TopologyDriver::crash_and_restart() {
  broker_.kill_member(*log_);
  instance_.reset();
  log_.reset();
  start();
}

void TopologyDriver::restart() {
  if (const Status closed = instance_->close(); !closed)
    throw TestError("closing the instance: " + closed.error().to_string());
  instance_.reset();
  log_.reset();
  start();
}

void TopologyDriver::restart_as(stream::Topology topology) {
  if (const Status closed = instance_->close(); !closed)
    throw TestError("closing the instance: " + closed.error().to_string());
  instance_.reset();
  log_.reset();
  topology_ = std::move(topology);
  start();
}

}  // namespace millrace::testkit
