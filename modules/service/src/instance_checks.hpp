// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/http/health.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::service {

/// Adds what /readyz says of an instance: `restored` until all its tasks are, and while one that it
/// lost has no owner; `progress` while a handler does not return. The instance outlives the checks.
void add_instance_checks(http::Health& health, const stream::Instance& instance);

}  // namespace millrace::service
