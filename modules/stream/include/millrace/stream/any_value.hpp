// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>

namespace millrace::stream {

/// The value of a stream that takes every record with a key, whatever its value, its type and its
/// envelope are: what matters is the key and ProcessorContext::record(). For the dead letters of
/// other services, which carry records of all kinds. Records without a readable key are skipped and
/// counted.
///
///     builder.stream<OrderId, AnyValue>("stock.dead-letters")
struct AnyValue {};
BOOST_DESCRIBE_STRUCT(AnyValue, (), ())

}  // namespace millrace::stream
