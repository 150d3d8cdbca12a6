// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "retail/audit/audit.hpp"
#include "retail/audit/request_ledger.hpp"
#include "retail/contracts/shelves.hpp"

namespace retail {

/// Follows every shelf through its events, and compares it with what the requests say must have
/// been taken and brought.
class ShelfLedger {
 public:
  using Levels = std::map<std::string, ShelfLevel, std::less<>>;

  /// Begins with shelves as they were left, by product.
  explicit ShelfLedger(const Levels& before);
  /// Reads `stock.shelves`, checking each event as it comes (rule 2), and the lines of what was
  /// completed and returned.
  [[nodiscard]] millrace::Status read(TopicReader& topics, const RequestLedger& requests,
                                      AuditReport& report);
  /// The levels at the end.
  void check(const RequestLedger& requests, AuditReport& report) const;
  [[nodiscard]] Levels levels() const;

 private:
  struct Shelf {
    ShelfLevel level;
    std::int64_t shipped = 0;      // by completed orders
    std::int64_t taken_back = 0;   // by returns
    std::int64_t written_off = 0;  // before what is read
  };
  void take(const AuditedRecord& record, AuditReport& report);
  void take_change(const AuditedRecord& record, AuditReport& report);

  std::map<std::string, Shelf, std::less<>> shelves_;
};

}  // namespace retail
