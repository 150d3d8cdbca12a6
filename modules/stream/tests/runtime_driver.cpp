// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime_driver.hpp"

#include <algorithm>

#include "millrace/base/level.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/stream/topology.hpp"

namespace millrace::stream::test {

using testkit::TestError;

namespace {

constexpr int steps_max = 100'000;
constexpr int starts_max = 30;  // where a cluster does not respond in time

const log::Topic* find(const std::vector<log::Topic>& topics, const std::string& name) {
  const auto found = std::find_if(topics.begin(), topics.end(),
                                  [&](const log::Topic& topic) { return topic.spec.name == name; });
  return found == topics.end() ? nullptr : &*found;
}

}  // namespace

std::size_t tasks_of(log::Log& log, const Topology& topology) {
  const std::vector<log::Topic> topics = log.topics().value();
  std::size_t tasks = 0;
  for (const SubTopology& sub : topology.sub_topologies()) {
    std::size_t partitions = 0;
    bool complete = !sub.sources.empty();
    for (const std::size_t source : sub.sources) {
      const log::Topic* const topic = find(topics, topology.sources()[source].topic);
      complete &= topic != nullptr;
      if (topic != nullptr) partitions = static_cast<std::size_t>(topic->spec.partitions);
    }
    if (complete) tasks += partitions;
  }
  return tasks;
}

Driver::Driver(std::unique_ptr<RuntimeWorld> world, Topology topology, InstanceOptions options)
    : world_(std::move(world)),
      topology_(std::move(topology)),
      options_(std::move(options)),
      writer_([this](log::LogOptions opened) { return world_->connect(std::move(opened)); }),
      tool_(world_->connect_observer()),
      reader_(std::make_unique<testkit::TopicReader>(*tool_)) {
  start();
}

void Driver::start() {
  Status started = try_start();
  for (int i = 1; i < starts_max && !started && started.error().is(log::errc::unavailable); ++i) {
    instance_.reset();
    log_.reset();
    started = try_start();
  }
  if (!started) throw TestError("opening the instance: " + started.error().to_string());
}

Status Driver::try_start() {
  log::LogOptions options;
  options.service = topology_.service();
  options.member = topology_.service();
  log_ = world_->connect(std::move(options));
  Instance::Environment environment{
      world_->clock(), world_->files(), world_->random(),
      [this](Level level, std::string_view message, std::string_view detail) {
        events_.push_back(std::string(level_name(level)) + ": " + std::string(message) + ": " +
                          std::string(detail));
      }};
  MILLRACE_ASSIGN(instance_, Instance::open(*log_, topology_, options_, std::move(environment)));
  world_->add_housekeeping(*log_, [this] {
    if (instance_) instance_->maintain();
  });
  return {};
}

void Driver::declare_topic(const std::string& name, const std::string& owner,
                           std::int32_t partitions, log::TopicKind kind) {
  writer_.declare_topic(name, owner, partitions, kind);
  // The instance looks for missing topics from time to time.
  world_->advance_ms(1'000);
}

Result<StepResult> Driver::step() {
  hear_of_all(*log_);
  return instance_->step();
}

bool Driver::has_all_tasks() {
  return instance_->ready() &&
         instance_->status().tasks.size() == tasks_of(*tool_, instance_->topology());
}

void Driver::run_until_idle() {
  for (int i = 0; i < steps_max; ++i) {
    const auto result = step();
    if (!result) throw TestError("the instance ended: " + result.error().to_string());
    if (result->worked) continue;
    if (has_all_tasks()) return;
    world_->let_pass();
  }
  throw TestError("the topology is not idle after " + std::to_string(steps_max) + " steps");
}

void Driver::run_until(const std::function<bool()>& done) {
  for (int i = 0; i < steps_max; ++i) {
    if (done()) return;
    const auto result = step();
    if (!result) throw TestError("the instance ended: " + result.error().to_string());
    if (!result->worked) world_->let_pass();
  }
  throw TestError("what is waited for did not come in " + std::to_string(steps_max) + " steps");
}

void Driver::advance_ms(std::int64_t ms) {
  world_->let_pass(ms);
  run_until_idle();
}

void Driver::crash_and_restart() {
  world_->kill(*log_);
  instance_.reset();
  log_.reset();
  start();
}

void Driver::restart_after_end() {
  instance_.reset();
  log_.reset();
  start();
}

void Driver::close() {
  if (const Status closed = instance_->close(); !closed)
    throw TestError("closing the instance: " + closed.error().to_string());
  instance_.reset();
  log_.reset();
}

void Driver::restart() {
  close();
  start();
}

void Driver::deploy(Topology topology, const std::function<void()>& meanwhile) {
  close();
  meanwhile();
  topology_ = std::move(topology);
  start();
}

Error Driver::refused(Topology topology) {
  close();
  std::swap(topology_, topology);
  const Status started = try_start();
  if (started) throw TestError("the topology was to be refused, and was not");
  log_.reset();
  std::swap(topology_, topology);
  start();
  return started.error();
}

}  // namespace millrace::stream::test
