// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "admission.hpp"

#include <utility>

namespace millrace::http {

bool Admission::take() {
  const MutexLock lock(mutex_);
  if (taken_ >= slots_) {
    return false;
  }
  ++taken_;
  return true;
}

Admission::Entered Admission::enter(Turn turn) {
  const MutexLock lock(mutex_);
  if (taken_ < slots_) {
    ++taken_;
    return {Outcome::taken, 0};
  }
  if (line_.size() >= max_waiting_) {
    return {Outcome::refused, 0};
  }
  const std::uint64_t ticket = next_ticket_++;
  line_.emplace(ticket, std::move(turn));
  return {Outcome::waiting, ticket};
}

void Admission::leave() {
  Turn turn;
  {
    const MutexLock lock(mutex_);
    if (line_.empty() || closed_) {
      --taken_;
      return;
    }
    turn = std::move(line_.begin()->second);
    line_.erase(line_.begin());
  }
  turn();
}

bool Admission::withdraw(std::uint64_t ticket) {
  const MutexLock lock(mutex_);
  return line_.erase(ticket) > 0;
}

void Admission::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
}

std::size_t Admission::taken() const {
  const MutexLock lock(mutex_);
  return taken_;
}

}  // namespace millrace::http
