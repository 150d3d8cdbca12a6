// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>

namespace millrace::stream {

/// The envelope of a record, in a form that a store can keep. Records that are emitted later
/// because of it, for example by a timer, have the record as their cause, and its correlation and
/// trace. ProcessorContext::remember() returns it; pass it to ProcessorContext::with_context().
/// Owns its text.
struct RememberedContext {
  std::string id;           ///< `ce_id` of the event in hand, or of the last public one behind it
  std::string correlation;  ///< `ce_correlationid`
  std::uint64_t trace_high = 0;
  std::uint64_t trace_low = 0;
  std::uint64_t span = 0;
  std::string request;  ///< `ce_requestid`: the requests that wait for what comes of the event
  friend bool operator==(const RememberedContext&, const RememberedContext&) = default;
};
BOOST_DESCRIBE_STRUCT(RememberedContext, (),
                      (id, correlation, trace_high, trace_low, span, request))

}  // namespace millrace::stream
