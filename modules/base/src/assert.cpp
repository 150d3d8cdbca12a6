// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace millrace {

void assertion_failed(const char* condition, const char* file, int line, const char* why) {
  std::fprintf(stderr, "millrace: broken invariant at %s:%d: %s (%s)\n", file, line, why,
               condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace millrace
