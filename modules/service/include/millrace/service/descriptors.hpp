// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

namespace millrace::service {

/// Lets this process, and those it starts, have as many open descriptors as the system allows it.
/// The usual 1024 are fewer than a service takes requests on at once, each over a connection of its
/// own. Such a process does not call select(2), which knows no descriptor above 1023.
void raise_descriptor_limit();

}  // namespace millrace::service
