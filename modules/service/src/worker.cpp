// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "worker.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

#include "millrace/base/assert.hpp"

namespace millrace::service {

namespace {
constexpr int maintenance_interval_ms = 100;
}

Worker::Worker(stream::Instance& instance, telemetry::Logger& logger, std::function<void()> stepped,
               std::function<void()> failed)
    : instance_(instance),
      logger_(logger),
      stepped_(std::move(stepped)),
      failed_(std::move(failed)),
      thread_([this] { run(); }) {}

void Worker::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  instance_.interrupt();
  thread_.join();
}

void Worker::run() {
  while (!stopping_.load()) {
    const Result<stream::StepResult> step = instance_.step();
    if (!step) {
      logger_.error("the topology stopped",
                    {{"code", step.error().code().name}, {"error", step.error().message()}});
      failed_();
      return;
    }
    if (step->worked && stepped_) stepped_();
    if (!step->worked && !stopping_.load()) instance_.wait(*step);
  }
}

Keeper::Keeper(log::Log& log, telemetry::Logger& logger, std::function<void()> failed)
    : log_(log),
      logger_(logger),
      failed_(std::move(failed)),
      stop_event_(::eventfd(0, EFD_CLOEXEC)),
      house_([this] { keep_house(); }),
      storage_([this] { keep_storage(); }) {
  MILLRACE_ASSERT(stop_event_ >= 0, "the system has no descriptor left for an eventfd");
}

Keeper::~Keeper() {
  // Nobody reads it: it stays readable for both.
  MILLRACE_ASSERT(::eventfd_write(stop_event_, 1) == 0, "writing to an eventfd of ours");
  house_.join();
  storage_.join();
  ::close(stop_event_);
}

void Keeper::maintain(stream::Instance* instance) {
  const MutexLock lock(instance_mutex_);
  instance_ = instance;
}

void Keeper::report(const Error& error) {
  if (has_failed_.exchange(true)) return;
  logger_.error("the log cannot be used any longer",
                {{"code", error.code().name}, {"error", error.message()}});
  failed_();
}

void Keeper::keep_house() {
  // poll() passes over negative descriptors, so a log without one is only looked after by the
  // clock.
  std::array<pollfd, 2> watched{{{stop_event_, POLLIN, 0}, {log_.death_descriptor(), POLLIN, 0}}};
  while ((watched[0].revents & POLLIN) == 0) {
    {
      const MutexLock lock(instance_mutex_);
      if (instance_ != nullptr) instance_->maintain();
    }
    if (const Status status = log_.maintain(); !status) {
      report(status.error());
      return;
    }
    ::poll(watched.data(), watched.size(), maintenance_interval_ms);
  }
}

void Keeper::keep_storage() {
  pollfd stopped{stop_event_, POLLIN, 0};
  while ((stopped.revents & POLLIN) == 0) {
    if (const Status status = log_.maintain_storage(); !status) {
      report(status.error());
      return;
    }
    ::poll(&stopped, 1, maintenance_interval_ms);
  }
}

}  // namespace millrace::service
