// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "retail/contracts/requests.hpp"
#include "retail/storefront/topology.hpp"

namespace retail::storefront {

/// A request that came over HTTP, checked as far as the storefront checks: whether it can be
/// understood. Whether it is a good one is for orders to say.
struct Posted {
  RequestKind kind = RequestKind::unknown;
  RequestId id;
  std::int64_t ordered_at_ms = 0;
  std::uint64_t body_hash = 0;
  RequestEvent event;
};

/// Reads the body of `POST /orders`, `/returns` or `/write-offs`. The error names the field.
[[nodiscard]] millrace::Result<Posted> read_posted(RequestKind kind, std::string_view body);

/// Where a request of that kind and id can be looked up.
[[nodiscard]] std::string location_of(RequestKind kind, const RequestId& id);

}  // namespace retail::storefront
