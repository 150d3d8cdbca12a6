// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include "request_reader.hpp"

namespace millrace::http {

struct AmpleBudget {
  telemetry::Gauge used;
  BodyBudget budget{1UL << 30U, used};
};

/// A reader whose budget no test uses up.
class TestReader : private AmpleBudget, public RequestReader {
 public:
  TestReader(std::size_t max_header_bytes, std::size_t max_body_bytes)
      : RequestReader(max_header_bytes, max_body_bytes, budget) {}
};

}  // namespace millrace::http
