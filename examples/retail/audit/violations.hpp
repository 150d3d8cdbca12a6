// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <utility>

#include "retail/audit/audit.hpp"

namespace retail {

/// Adds a violation to the report: all are counted, the first 100 kept.
inline void violation(AuditReport& report, std::string text) {
  if (report.violations.size() < 100) report.violations.push_back(std::move(text));
  ++report.violations_total;
}

}  // namespace retail
