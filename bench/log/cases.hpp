// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "support/arguments.hpp"
#include "support/measure.hpp"

/// The cases of the suite `log`; bench/README.md says what each measures and which parameters it
/// takes.
namespace millrace::bench {

[[nodiscard]] Sample run_append(const Arguments& arguments);
[[nodiscard]] Sample run_compaction(const Arguments& arguments);
[[nodiscard]] Sample run_opening(const Arguments& arguments);
[[nodiscard]] Sample run_read(const Arguments& arguments);
[[nodiscard]] Sample run_small_append(const Arguments& arguments);
[[nodiscard]] Sample run_wake(const Arguments& arguments);
[[nodiscard]] Sample run_fdatasync(const Arguments& arguments);

}  // namespace millrace::bench
