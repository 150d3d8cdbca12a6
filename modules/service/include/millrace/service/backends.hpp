// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

namespace millrace::service {

/// Registers all backends of Millrace for log::open_log(): `file:` and `kafka:`. A service does so
/// by itself; another program calls it before it opens a log. May be called several times.
/// Thread-safe.
void register_backends();

}  // namespace millrace::service
