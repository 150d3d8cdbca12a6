// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "support/arguments.hpp"
#include "support/measure.hpp"

/// The cases of the suite `stream`; bench/README.md says what each measures and which parameters it
/// takes.
namespace millrace::bench {

[[nodiscard]] Sample run_count(const Arguments& arguments);
[[nodiscard]] Sample run_restore(const Arguments& arguments);

}  // namespace millrace::bench
