// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>

#include "millrace/codec/cloud_events.hpp"
#include "millrace/log/record.hpp"
#include "posted.hpp"

namespace retail::storefront {

/// A request as a record of the topic `requests`. Event id, correlation and (unless the caller
/// brings one) trace are derived from the request, so that the same request sent again is the same
/// event again. Reusable; not thread-safe.
class RequestRecord {
 public:
  void fill(const Posted& posted, std::string_view traceparent);
  /// Valid until the next fill().
  [[nodiscard]] millrace::log::Record view() const;

 private:
  std::string key_;
  std::string value_;
  std::string event_id_;
  std::int64_t timestamp_ms_ = 0;
  millrace::codec::EncodedHeaders headers_;
};

}  // namespace retail::storefront
