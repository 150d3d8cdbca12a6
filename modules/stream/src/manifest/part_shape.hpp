// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/manifest.hpp"
#include "millrace/stream/plan.hpp"

namespace millrace::stream {

/// The manifest of a log that has nothing of this topology: the names are those of the build.
[[nodiscard]] Manifest first_manifest(const Plan& topology);

}  // namespace millrace::stream
