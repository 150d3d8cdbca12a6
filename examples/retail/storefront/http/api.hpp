// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/http/router.hpp"
#include "millrace/service/service.hpp"

namespace retail::storefront {

/// Adds the storefront's routes: POST and GET of orders, returns and write-offs, insights, and
/// /openapi.json. The context outlives the router. Fails as stream::Instance::view() and
/// Context::requests().
[[nodiscard]] millrace::Status add_api(millrace::http::Router& router,
                                       millrace::service::Context& context);

/// Adds the check that this instance has got its share of the view of requests.
/// The context outlives the health.
void add_readiness(millrace::service::Context& context);

/// The description of these routes, OpenAPI 3.1.
[[nodiscard]] std::string_view openapi_json();

}  // namespace retail::storefront
