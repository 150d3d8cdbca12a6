// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

namespace millrace::service {

/// Makes log::open_log() know every backend of Millrace: `file:` and `kafka:`. A service calls it
/// by itself; a program that opens a log on its own calls it first. Thread-safe, any number of
/// times.
void register_backends();

}  // namespace millrace::service
