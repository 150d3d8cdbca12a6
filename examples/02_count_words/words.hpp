// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <string>

#include "millrace/stream/topology.hpp"

namespace words {

// [events]
struct LineRead {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(LineRead, (), (text))

struct WordCounted {
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(WordCounted, (), (count))
// [events]

[[nodiscard]] millrace::Result<millrace::stream::Topology> word_counts();

}  // namespace words
