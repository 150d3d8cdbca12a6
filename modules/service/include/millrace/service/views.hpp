// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/http/router.hpp"
#include "millrace/service/durability_gate.hpp"
#include "millrace/service/forwarder.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::service {

/// Adds the query face of all stores of an instance, as JSON:
/// `GET /views` lists them; `GET /views/{store}?from=&to=&limit=` is a range in key order (limit
/// 100, at most 10,000) and runs on a worker; `GET /views/{store}/{key}` one value, 404 if there is
/// none. When another instance has the key's partition, the forwarder gets its response; 503
/// `service.not_owner` when that is not possible, or there is no forwarder. A range holds what
/// this instance has; when that is not all, it says which partitions are missing. Responses wait
/// until what they reflect is durable, unless `durability=any`. Instance, log, gate and forwarder
/// outlive the router.
void add_view_routes(http::Router& router, const stream::Instance& instance, log::Log& log,
                     DurabilityGate& durability, const http::RouteOptions& options,
                     const Forwarder* forwarder = nullptr);

}  // namespace millrace::service
