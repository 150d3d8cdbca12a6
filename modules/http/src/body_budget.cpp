// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "body_budget.hpp"

#include <utility>

namespace millrace::http {

bool BodyBudget::take(std::size_t bytes) {
  std::size_t taken = taken_.load();
  do {
    if (bytes > max_bytes_ - taken) {
      return false;
    }
  } while (!taken_.compare_exchange_weak(taken, taken + bytes));
  used_.add(static_cast<double>(bytes));
  return true;
}

void BodyBudget::give_back(std::size_t bytes) {
  taken_.fetch_sub(bytes);
  used_.add(-static_cast<double>(bytes));
}

bool BodyShare::may_fit(std::size_t bytes) const {
  return bytes <= free_bytes || bytes <= budget_.left();
}

bool BodyShare::grow_to(std::size_t bytes) {
  if (bytes <= free_bytes || bytes <= bytes_) {
    return true;
  }
  if (!budget_.take(bytes - bytes_)) {
    return false;
  }
  bytes_ = bytes;
  return true;
}

void BodyShare::release() {
  if (bytes_ > 0) {
    budget_.give_back(std::exchange(bytes_, 0));
  }
}

}  // namespace millrace::http
