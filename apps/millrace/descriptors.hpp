// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

namespace millrace::cli {

/// Lets this process open as many files as the system allows it at most: a log of many segments has
/// one open for each, and the limit that shells give is small.
void raise_descriptor_limit();

}  // namespace millrace::cli
