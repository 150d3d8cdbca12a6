// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>

namespace millrace::stream {

/// The value type of a stream that accepts every record with a key, regardless of its value, type
/// and envelope. Use the key and ProcessorContext::record(). For the dead letters of other
/// services, which contain records of all types. Records without a readable key are skipped and
/// counted.
///
///     builder.stream<OrderId, AnyValue>("stock.dead-letters")
struct AnyValue {};
BOOST_DESCRIBE_STRUCT(AnyValue, (), ())

}  // namespace millrace::stream
