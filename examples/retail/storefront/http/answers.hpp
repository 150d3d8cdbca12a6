// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/http/message.hpp"
#include "retail/storefront/topology.hpp"

namespace retail::storefront {

/// The answer to a POST whose outcome is known: 201, 409 or 422. Always the same for the same
/// request.
[[nodiscard]] millrace::http::Response outcome_answer(const RequestId& id, const RequestView& view);
/// 409: the id is that of another request, which `view` shows.
[[nodiscard]] millrace::http::Response id_reused(const RequestId& id, const RequestView& view);
/// 202 with Location: the request continues, look it up there.
[[nodiscard]] millrace::http::Response still_pending(RequestKind kind, const RequestId& id);
/// The answer to a GET.
[[nodiscard]] millrace::http::Response status_answer(const RequestId& id, const RequestView& view);

}  // namespace retail::storefront
