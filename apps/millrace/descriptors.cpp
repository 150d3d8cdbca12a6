// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "descriptors.hpp"

#include <sys/resource.h>

namespace millrace::cli {

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  // Where that is refused the old limit stays, and opening a file too many says what is wrong.
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace millrace::cli
