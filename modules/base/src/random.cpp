// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/random.hpp"

#include <sys/random.h>

#include <cerrno>

#include "millrace/base/assert.hpp"

namespace millrace {

std::uint64_t real_seed() {
  std::uint64_t seed = 0;
  ssize_t got = 0;
  do {
    got = ::getrandom(&seed, sizeof seed, 0);
  } while (got < 0 && errno == EINTR);
  MILLRACE_ASSERT(got == sizeof seed, "the kernel gives eight random bytes at once");
  return seed;
}

}  // namespace millrace
