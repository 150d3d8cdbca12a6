// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/http/message.hpp"
#include "millrace/service/requests.hpp"
#include "retail/storefront/topology.hpp"

namespace retail::storefront {

/// What became of a request.
using Reply = millrace::service::Reply<millrace::service::Requests<Requests>::Outcome>;

/// The response to a POST: 201, 409 or 422 for its outcome, which is always the same for the same
/// request; 202 with Location when it continues; 409 when the id is that of another request; else
/// what request_failed() says.
[[nodiscard]] millrace::http::Response reply_answer(RequestKind kind, const RequestId& id,
                                                    const millrace::Result<Reply>& reply);
/// The answer to a GET.
[[nodiscard]] millrace::http::Response status_answer(const RequestId& id, const RequestView& view);

}  // namespace retail::storefront
