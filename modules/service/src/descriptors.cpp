// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/descriptors.hpp"

#include <sys/resource.h>

namespace millrace::service {

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  // Where that is refused the process does with what it has.
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace millrace::service
