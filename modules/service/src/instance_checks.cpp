// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "instance_checks.hpp"

#include <optional>
#include <string>

namespace millrace::service {

void add_instance_checks(http::Health& health, const stream::Instance& instance) {
  health.add_check("restored", [&instance]() -> std::optional<std::string> {
    if (instance.ready()) return std::nullopt;
    return "tasks are being restored, or one that was lost has no owner";
  });
  health.add_check("progress", [&instance] { return instance.stalled(); });
}

}  // namespace millrace::service
