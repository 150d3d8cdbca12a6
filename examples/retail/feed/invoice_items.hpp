// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "retail/feed/feed.hpp"
#include "retail/invoices/invoices.hpp"

namespace retail {

/// An invoice as the request that the feed sends for it.
[[nodiscard]] inline FeedItem feed_item(const Invoice& invoice) {
  return {std::string(request_path(invoice.kind)), request_body(invoice),
          invoice.kind == InvoiceKind::order};
}

}  // namespace retail
