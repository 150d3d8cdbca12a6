// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/edge_writer.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/log/errors.hpp"

namespace millrace::service {

struct EdgeWriter::State {
  State(log::Log& the_log, std::size_t max_bytes)
      : log(the_log), max_waiting_bytes(max_bytes), thread([this] { run(); }) {}

  struct Waiting {
    log::Transaction transaction;
    std::vector<Done> done;
  };

  void run() {
    Waiting batch;
    while (take(batch)) {
      const Result<log::LogPosition> outcome = commit(batch.transaction);
      for (Done& one : batch.done)
        one(outcome);
      batch.transaction.clear();
      batch.done.clear();
    }
  }

  bool take(Waiting& batch) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return stopping || !filling.done.empty(); });
    std::swap(batch, filling);
    return !batch.done.empty();
  }

  Result<log::LogPosition> commit(log::Transaction& transaction) {
    Result<log::Committed> committed = log.commit(transaction);
    if (!committed) return fail(std::move(committed).error());
    return committed->position;
  }

  log::Log& log;
  const std::size_t max_waiting_bytes;
  std::mutex mutex;
  std::condition_variable changed;
  Waiting filling;
  bool stopping = false;
  std::thread thread;
};

EdgeWriter::EdgeWriter(log::Log& log, std::size_t max_waiting_bytes)
    : state_(std::make_unique<State>(log, max_waiting_bytes)) {}

EdgeWriter::~EdgeWriter() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_one();
  state_->thread.join();
}

Status EdgeWriter::append(log::TopicPartition place, const log::Record& record, Done done) {
  // Refused here, it does not take the others of its commit with it.
  const std::size_t bytes = record.key.value_or("").size() + record.value.value_or("").size() +
                            record.headers.encoded().size();
  if (bytes > state_->log.options().max_record_bytes) {
    return fail(log::errc::too_large, "a record of " + std::to_string(bytes) +
                                          " bytes is above the limit of " +
                                          std::to_string(state_->log.options().max_record_bytes));
  }
  bool was_empty = false;
  {
    const std::lock_guard lock(state_->mutex);
    log::Transaction& filling = state_->filling.transaction;
    if (filling.bytes() >= state_->max_waiting_bytes) {
      return fail(millrace::errc::busy,
                  std::to_string(filling.bytes()) + " bytes wait to be appended, the limit is " +
                      std::to_string(state_->max_waiting_bytes) + ": try again in a moment");
    }
    filling.append(place, record);
    was_empty = state_->filling.done.empty();
    state_->filling.done.push_back(std::move(done));
  }
  if (was_empty) state_->changed.notify_one();
  return {};
}

}  // namespace millrace::service
