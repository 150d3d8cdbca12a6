// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/durability_gate.hpp"

#include <thread>
#include <vector>

#include "millrace/base/mutex.hpp"

namespace millrace::service {

namespace {
struct Waiting {
  log::LogPosition position;
  std::function<void(const Status&)> then;
};

// Positions of one log are ordered by position alone, so the furthest one covers all.
log::LogPosition furthest(const std::vector<Waiting>& waiting) {
  log::LogPosition result;
  for (const Waiting& one : waiting) {
    if (one.position.position >= result.position) result = one.position;
  }
  return result;
}
}  // namespace

struct DurabilityGate::State {
  explicit State(log::Log& the_log) : log(the_log), thread([this] { run(); }) {}

  void run() {
    std::vector<Waiting> batch;
    while (take(batch)) {
      const Status status = log.wait_durable(furthest(batch));
      for (Waiting& one : batch)
        one.then(status);
      batch.clear();
    }
  }

  bool take(std::vector<Waiting>& batch) {
    MutexLock lock(mutex);
    while (!stopping && waiting.empty())
      changed.wait(lock);
    batch.swap(waiting);
    return !batch.empty();
  }

  log::Log& log;
  Mutex mutex;
  CondVar changed;
  std::vector<Waiting> waiting MILLRACE_GUARDED_BY(mutex);
  bool stopping MILLRACE_GUARDED_BY(mutex) = false;
  std::thread thread;
};

DurabilityGate::DurabilityGate(log::Log& log) : state_(std::make_unique<State>(log)) {}

DurabilityGate::~DurabilityGate() {
  {
    const MutexLock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_one();
  state_->thread.join();
}

void DurabilityGate::when_durable(log::LogPosition position,
                                  std::function<void(const Status&)> then) {
  bool was_empty = false;
  {
    const MutexLock lock(state_->mutex);
    was_empty = state_->waiting.empty();
    state_->waiting.push_back({position, std::move(then)});
  }
  if (was_empty) state_->changed.notify_one();
}

}  // namespace millrace::service
