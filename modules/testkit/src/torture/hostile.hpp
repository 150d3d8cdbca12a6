// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

#include "millrace/testkit/topic_reader.hpp"
#include "millrace/testkit/torture.hpp"

namespace millrace::testkit {

/// Records that follow the inputs together; those of the next group come when these are done, so
/// that the order between topics changes no result.
struct HostileGroup {
  std::string name;
  std::vector<std::pair<std::string, RawRecord>> records;  ///< topic and record
};

/// Made of the first record of each topic that the inputs declare; topics without one get none.
[[nodiscard]] std::vector<HostileGroup> hostile_groups(const TortureInputs& inputs,
                                                       TopicReader& reader);

}  // namespace millrace::testkit
