// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

namespace millrace {
/// Prints the broken invariant and its source location to standard error and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line,
                                   const char* why);
}  // namespace millrace

/// Always on, in release builds too, and only for broken invariants: never for input or the
/// environment.
#define MILLRACE_ASSERT(condition, why)                                  \
  do {                                                                   \
    if (!(condition)) [[unlikely]] {                                     \
      ::millrace::assertion_failed(#condition, __FILE__, __LINE__, why); \
    }                                                                    \
  } while (false)
