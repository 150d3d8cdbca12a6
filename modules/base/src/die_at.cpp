// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/die_at.hpp"

#include <csignal>

#include "millrace/base/assert.hpp"

namespace millrace {

std::atomic<DieAt*> DieAt::current{nullptr};

DieAt::DieAt(std::string_view point, int nth, int signal)
    : point_(point), signal_(signal), passes_left_(nth) {
  MILLRACE_ASSERT(nth >= 1, "passes of a fault point are counted from 1");
  const DieAt* const other = current.exchange(this);
  MILLRACE_ASSERT(other == nullptr, "a process has one DieAt at a time");
  former_ = set_fault_handler(pass);
}

DieAt::~DieAt() {
  set_fault_handler(former_);
  current = nullptr;
}

void DieAt::pass(std::string_view point) {
  DieAt* const plan = current;
  if (plan == nullptr || point != plan->point_) return;
  // Not below 0, however often the point is passed.
  int left = plan->passes_left_;
  while (left > 0 && !plan->passes_left_.compare_exchange_weak(left, left - 1)) {
  }
  if (left != 1) return;
  if (plan->signal_ == 0) throw SimulatedDeath{point};
  ::raise(plan->signal_);
}

}  // namespace millrace
