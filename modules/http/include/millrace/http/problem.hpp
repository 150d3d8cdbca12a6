// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <chrono>
#include <initializer_list>
#include <string_view>

#include "millrace/http/message.hpp"
#include "millrace/telemetry/field.hpp"

namespace millrace::http {

/// An `application/problem+json` answer (RFC 9457). `type` is a URI reference that programs tell
/// problems apart by, such as `order-id-reused`; empty stands for `about:blank`. An empty `title`
/// is the status's own phrase, an empty `detail` is left out; `extra` members follow.
///
///     responder.send(problem(409, "order-id-reused", "Order id reused", "...", {{"order_id",
///     id}}));
[[nodiscard]] Response problem(int status, std::string_view type = {}, std::string_view title = {},
                               std::string_view detail = {},
                               std::initializer_list<telemetry::Field> extra = {});

/// A problem that asks the sender to come again: 429 or 503 with `Retry-After` in whole seconds, at
/// least 1.
[[nodiscard]] Response problem_retry(int status, std::chrono::milliseconds retry_after,
                                     std::string_view type, std::string_view detail,
                                     std::initializer_list<telemetry::Field> extra = {});

}  // namespace millrace::http
