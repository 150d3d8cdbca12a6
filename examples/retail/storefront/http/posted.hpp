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

/// A request that came over HTTP, with every field checked. What becomes of it is for orders to
/// say.
struct Posted {
  RequestKind kind = RequestKind::unknown;
  RequestId id;
  std::int64_t ordered_at_ms = 0;
  /// Of the request as it was read: white space, the order of members and the spelling of numbers
  /// and times make no difference.
  std::uint64_t body_hash = 0;
  RequestEvent event;
};

/// Reads the body of `POST /orders`, `/returns` or `/write-offs`. The error names the field.
/// `now_ms`: the time of the clock, which `ordered_at` may be ahead of by an hour.
[[nodiscard]] millrace::Result<Posted> read_posted(RequestKind kind, std::string_view body,
                                                   std::int64_t now_ms);

/// Where a request of that kind and id can be looked up.
[[nodiscard]] std::string location_of(RequestKind kind, const RequestId& id);

}  // namespace retail::storefront
