// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "retail/audit/pass_end.hpp"

namespace retail {

/// What the topics of a system at rest say about it.
struct AuditReport {
  bool ok = false;
  std::vector<std::string> violations;  ///< the first 100, each with topic, position or id
  std::int64_t violations_total = 0;

  std::int64_t invoices = 0;  ///< requests, however often each was sent
  std::int64_t orders = 0;    ///< of them orders that are sales
  std::int64_t completed = 0;
  std::int64_t rejected = 0;
  std::map<std::string, std::int64_t>
      rejected_by;  ///< out_of_stock, payment_declined, packing_failed: all three are there
  std::int64_t returns = 0;     ///< completed
  std::int64_t write_offs = 0;  ///< recorded
  std::int64_t dead_lettered = 0;
  std::int64_t lines = 0;                             ///< of orders that are sales
  std::map<std::string, std::int64_t> revenue_milli;  ///< by country, without zeros
  std::map<std::string, std::int64_t> refunds_milli;  ///< by country, credit notes, without zeros
};
BOOST_DESCRIBE_STRUCT(AuditReport, (),
                      (ok, violations, violations_total, invoices, orders, completed, rejected,
                       rejected_by, returns, write_offs, dead_lettered, lines, revenue_milli,
                       refunds_milli))

/// The part of the topics that one pass over the invoices wrote.
struct AuditRange {
  std::optional<PassEnd> begin = {};  ///< of the pass before; no value: from the beginning
  std::optional<PassEnd> end = {};    ///< of the pass; no value: to the end
};

/// Reads all topics of the system and checks what must be true at rest (1-3 and 6 of the system's
/// page): each request in exactly one final state, with a chain of causes back to it; shelves that
/// add up; money that adds up; nothing left behind by rejected orders. Of a later pass it reads
/// what that pass wrote, and adds it to what the pass before left. Holds one small entry per
/// request and per product and nothing per event. `left`, unless null, gets what the next pass
/// begins with. errc::not_found: records that it needs were removed; log::errc::corrupt: the range
/// ends before it begins; else failures are those of reading the log. What the topics say wrong is
/// in the report, and a pass that was completed with another number of requests.
[[nodiscard]] millrace::Result<AuditReport> audit(millrace::log::Log& log,
                                                  const AuditRange& range = {},
                                                  PassEnd* left = nullptr);

/// As one JSON object: {"ok", "violations", and the counts}.
[[nodiscard]] std::string to_json(const AuditReport& report);
/// For people.
[[nodiscard]] std::string to_text(const AuditReport& report);

}  // namespace retail
