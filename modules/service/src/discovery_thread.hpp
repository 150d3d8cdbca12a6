// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <thread>

#include "millrace/base/mutex.hpp"
#include "millrace/service/discovery.hpp"
#include "millrace/telemetry/logger.hpp"

namespace millrace::service {

/// The thread that steps a discovery. A log that refuses the topic of instances (a missing ACL, a
/// broker that is away) keeps no service from its work: that is logged once, and tried again.
class DiscoveryThread {
 public:
  /// Both outlive it.
  DiscoveryThread(Discovery& discovery, telemetry::Logger& logger);
  ~DiscoveryThread() { stop(); }
  DiscoveryThread(const DiscoveryThread&) = delete;
  DiscoveryThread& operator=(const DiscoveryThread&) = delete;

  /// Ends the thread and deletes the record of the instance. Idempotent.
  void stop();

 private:
  void run();
  bool is_stopping();
  void report(const Status& status);

  Discovery& discovery_;
  telemetry::Logger& logger_;
  bool failing_ = false;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ MILLRACE_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace::service
