// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::log {

/// How Kafka's clients compress the records of a batch.
struct Compressor {
  std::string name;
  unsigned codec = 0;  ///< of the batch's attributes
  std::string (*compress)(std::string_view);
};

/// Every codec in every form that clients write.
const std::vector<Compressor>& compressors();

}  // namespace millrace::log
