// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <variant>

/// A small shop whose events the tests of this module use.
namespace millrace::stream::test {

struct Placed {
  std::string country;
  std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(Placed, (), (country, total))

struct Cancelled {
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(Cancelled, (), (reason))

struct Paid {
  std::int64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Paid, (), (amount))

using OrderEvent = std::variant<Placed, Cancelled>;

}  // namespace millrace::stream::test
