// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "retail/contracts/insights.hpp"
#include "retail/contracts/shelves.hpp"

namespace retail {

/// Owned by the feed, one partition: what had added up when a pass over the invoices was complete.
/// The next pass is audited from there, when the events of the pass before are gone. First the
/// shelves and the countries, then PassCompleted. What a run wrote that died in between is written
/// once more: what stands before the last PassCompleted of a pass counts, and nothing behind it.
/// The record's timestamp is the wall-clock time.
inline constexpr const char* passes_topic = "passes";
inline constexpr const char* passes_owner = "feed";

/// A shelf at the end of pass `pass`. Key: ProductCode.
struct ShelfCounted : ShelfLevel {
  std::int64_t pass = 0;
};
BOOST_DESCRIBE_STRUCT(ShelfCounted, (ShelfLevel), (pass))

/// A country's totals at the end of pass `pass`. Key: Country.
struct RevenueCounted : RevenueChanged {
  std::int64_t pass = 0;
};
BOOST_DESCRIBE_STRUCT(RevenueCounted, (RevenueChanged), (pass))

/// Where a topic ended: of each partition the offset behind its last record.
struct TopicEnd {
  std::string topic;
  std::vector<std::int64_t> ends;
};
BOOST_DESCRIBE_STRUCT(TopicEnd, (), (topic, ends))

/// The audit of pass `pass` held: `requests` requests were final, and the next pass begins behind
/// `topics`. In a copy of the log, which has other offsets, it says nothing. Key: the number of the
/// pass.
struct PassCompleted {
  std::int64_t pass = 0;
  std::string log;  ///< Log::identity
  std::int64_t requests = 0;
  std::vector<TopicEnd> topics;
};
BOOST_DESCRIBE_STRUCT(PassCompleted, (), (pass, log, requests, topics))

/// Pass `pass`, not the first, is about to send its first request: from here on the end of the pass
/// before stays as it is. It counts in a copy of the log too, which holds the requests of the pass.
/// Key: the number of the pass.
struct PassBegun {
  std::int64_t pass = 0;
};
BOOST_DESCRIBE_STRUCT(PassBegun, (), (pass))

using PassEvent = std::variant<ShelfCounted, RevenueCounted, PassCompleted, PassBegun>;

}  // namespace retail
