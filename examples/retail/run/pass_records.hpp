// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "retail/audit/pass_end.hpp"

namespace retail {

// What a run writes to the log of the system itself. `log` is a handle of any_service.

/// Says on the topic `passes` that a pass, not the first, begins. Durable on return. Repeatable.
/// Failures as write_pass_end().
[[nodiscard]] millrace::Status write_pass_begun(millrace::log::Log& log, millrace::Clock& clock,
                                                std::int64_t pass);

/// Says on the topic `passes` that a pass is complete, and what it left. Durable on return; all see
/// it, unless an open transaction of another client hides it for more than 30 seconds. Repeatable.
/// Failures as Log::create_topic, commit and wait_durable.
[[nodiscard]] millrace::Status write_pass_end(millrace::log::Log& log, millrace::Clock& clock,
                                              std::int64_t pass, const PassEnd& end);

/// Has the public topics of the services keep records for `retention_ms` after they were appended,
/// as `millrace topics alter` would: of what lies behind `begin` nothing goes that the audit of the
/// pass needs, because the group `retail-audit` has its positions there. The state of the services
/// gets segments as small, so that it is compacted as soon. For an embedded log. Failures as
/// Log::find_topic, commit and alter_topic.
[[nodiscard]] millrace::Status set_retention(millrace::log::Log& log, std::int64_t retention_ms,
                                             const TopicEnds& begin);

}  // namespace retail
