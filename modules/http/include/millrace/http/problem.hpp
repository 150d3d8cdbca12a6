// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <chrono>
#include <initializer_list>
#include <string_view>

#include "millrace/http/message.hpp"
#include "millrace/telemetry/field.hpp"

namespace millrace::http {

/// Makes a response of type `application/problem+json` (RFC 9457). `type` is a URI reference with
/// which programs distinguish problems, such as `order-id-reused`; empty means `about:blank`. If
/// `title` is empty, the reason phrase of the status is used. An empty `detail` is left out.
/// `extra` members follow.
///
///     responder.send(problem(409, "order-id-reused", "Order id reused", "...", {{"order_id",
///     id}}));
[[nodiscard]] Response problem(int status, std::string_view type = {}, std::string_view title = {},
                               std::string_view detail = {},
                               std::initializer_list<telemetry::Field> extra = {});

/// Makes a problem that asks the sender to try again: 429 or 503 with `Retry-After` in whole
/// seconds, at least 1.
[[nodiscard]] Response problem_retry(int status, std::chrono::milliseconds retry_after,
                                     std::string_view type, std::string_view detail,
                                     std::initializer_list<telemetry::Field> extra = {});

}  // namespace millrace::http
