// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/processor.hpp"

#include <algorithm>
#include <string>

#include "millrace/base/assert.hpp"

namespace millrace::stream {

void ProcessorContext::schedule(std::string_view name, PunctuationType type,
                                std::int64_t interval_ms,
                                std::function<void(std::int64_t)> callback) {
  task_->schedule(std::string(processor_).append(".").append(name), type, interval_ms,
                  std::move(callback));
}

void ProcessorContext::sweep_bytes(
    std::string_view name, PunctuationType type, std::int64_t interval_ms, StoreId store,
    std::function<void(std::string_view, std::string_view, std::int64_t)> visit) {
  task_->sweep(std::string(processor_).append(".").append(name), type, interval_ms, store,
               std::move(visit));
}

void ProcessorContext::check_emitter(NodeId node) const {
  MILLRACE_ASSERT(std::find(emitters_.begin(), emitters_.end(), node) != emitters_.end(),
                  "a processor emits through emitters that process() was given: add emits(...)");
}

void ProcessorContext::check_store(StoreId store) const {
  MILLRACE_ASSERT(std::find(stores_.begin(), stores_.end(), store) != stores_.end(),
                  "a processor uses stores that process() was given: add uses(...)");
}

}  // namespace millrace::stream
