// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/processor.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace millrace::stream {

namespace {

void check_interval(std::string_view timer, std::int64_t interval_ms) {
  if (interval_ms > 0) return;
  throw std::invalid_argument("timer " + std::string(timer) +
                              ": an interval is at least 1 ms, not " + std::to_string(interval_ms));
}

}  // namespace

void ProcessorContext::schedule(std::string_view name, PunctuationType type,
                                std::int64_t interval_ms,
                                std::function<void(std::int64_t)> callback) {
  check_interval(name, interval_ms);
  task_->schedule(std::string(processor_).append(".").append(name), type, interval_ms,
                  std::move(callback));
}

void ProcessorContext::sweep_bytes(
    std::string_view name, PunctuationType type, std::int64_t interval_ms, StoreId store,
    std::function<void(std::string_view, std::string_view, std::int64_t)> visit) {
  check_interval(name, interval_ms);
  task_->sweep(std::string(processor_).append(".").append(name), type, interval_ms, store,
               std::move(visit));
}

void ProcessorContext::check_emitter(NodeId node) const {
  if (std::find(emitters_.begin(), emitters_.end(), node) == emitters_.end()) {
    throw std::logic_error("processor '" + std::string(processor_) +
                           "' emits through an emitter that it was not given: pass the emitter to "
                           "process() as an argument of the processor");
  }
}

void ProcessorContext::check_store(StoreId store) const {
  if (std::find(stores_.begin(), stores_.end(), store) == stores_.end()) {
    throw std::logic_error("processor '" + std::string(processor_) +
                           "' uses a store that it was not given: pass the store to process() as "
                           "an argument of the processor");
  }
}

}  // namespace millrace::stream
