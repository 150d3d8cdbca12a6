// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "millrace/base/mutex.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/telemetry/logger.hpp"

namespace millrace::service {

/// The thread that steps an instance until it is stopped or the instance fails.
class Worker {
 public:
  /// `stepped` (may be empty) is called after each step that did something, `failed` once when the
  /// instance gives up, both from the thread. All outlive the worker.
  Worker(stream::Instance& instance, telemetry::Logger& logger, std::function<void()> stepped,
         std::function<void()> failed);
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Finishes the cycle in hand and ends the thread. Idempotent.
  void stop();

 private:
  void run();
  stream::Instance& instance_;
  telemetry::Logger& logger_;
  std::function<void()> stepped_;
  std::function<void()> failed_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

/// The threads that keep a handle of the log alive, and the instance on it: one for heartbeats,
/// deaths of other members, syncs by interval, cycles that take long; one for what the log does in
/// the background.
class Keeper {
 public:
  /// `failed` is called once, from one of the threads, when the log must not be used any longer.
  /// All outlive the keeper.
  Keeper(log::Log& log, telemetry::Logger& logger, std::function<void()> failed);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  /// Maintains that instance too from now on; null: no longer, once this has returned.
  void maintain(stream::Instance* instance);

 private:
  void keep_house();
  void keep_storage();
  void report(const Error& error);

  log::Log& log_;
  telemetry::Logger& logger_;
  std::function<void()> failed_;
  std::atomic<bool> has_failed_{false};
  Mutex instance_mutex_;
  stream::Instance* instance_ MILLRACE_GUARDED_BY(instance_mutex_) = nullptr;
  int stop_event_;
  std::thread house_;
  std::thread storage_;
};

}  // namespace millrace::service
