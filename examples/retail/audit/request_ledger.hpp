// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "retail/audit/audit.hpp"
#include "retail/audit/topic_reader.hpp"
#include "retail/contracts/orders.hpp"

namespace retail {

/// Follows every request through the topics that are keyed by request: its events by type, its
/// money, and which event led to which.
class RequestLedger {
 public:
  /// Reads requests, orders, stock, payments, shipments and dead letters.
  [[nodiscard]] millrace::Status read(TopicReader& topics, AuditReport& report);
  /// Rules 1 and 6 for each request; adds its counts and money to the report.
  void check(AuditReport& report) const;

  [[nodiscard]] bool completed(std::string_view id) const;
  [[nodiscard]] bool returned(std::string_view id) const;

  /// Per country: completed orders, payments received less rollbacks, credit notes.
  struct CountryMoney {
    Money completed, kept, credited;
    std::int64_t orders = 0;
  };
  [[nodiscard]] const std::map<std::string, CountryMoney>& money() const { return money_; }
  /// Pieces that write-offs say they took.
  [[nodiscard]] std::int64_t written_off() const { return written_off_; }

 private:
  enum Event : std::uint8_t {
    order_requested,
    return_requested,
    write_off_requested,
    validated,
    confirmed,
    completed_,
    rejected,
    accepted,
    returned_,
    write_off_accepted,
    reserved,
    refused,
    released,
    taken_back,
    recorded,
    received,
    declined,
    rolled_back,
    credited,
    packaging_failed,
    dispatched,
    other_event,
    event_types
  };
  struct Link {
    std::uint64_t id = 0;  // hashes of ce_id
    std::uint64_t cause = 0;
    Event event = other_event;
  };
  struct Entry {
    std::array<std::uint8_t, event_types> seen{};
    std::vector<Link> links;
    std::uint64_t dead_letter = 0;  // hash of the ce_id of the request that was dead-lettered
    std::string stopped_at;  // the first dead letter of what follows from it, with its reason
    RejectionReason reason = RejectionReason::out_of_stock;
    std::int64_t lines = 0;
    Money total, charged, rolled_back;
  };
  using Entries = std::unordered_map<std::string, Entry>;

  static Event event_of(std::string_view type);
  millrace::Status read_letters(TopicReader& topics);
  void take(const AuditedRecord& record, AuditReport& report);
  void take_content(Entry& entry, Event event, const AuditedRecord& record, AuditReport& report);
  static void check_order(const std::string& id, const Entry& entry, AuditReport& report);
  static void check_return(const std::string& id, const Entry& entry, AuditReport& report);
  static void check_chain(const std::string& id, const Entry& entry, Event last,
                          AuditReport& report);
  static void expect(const std::string& id, const Entry& entry, std::initializer_list<Event> once,
                     AuditReport& report);

  Entries entries_;
  std::map<std::string, CountryMoney> money_;
  std::int64_t written_off_ = 0;
};

}  // namespace retail
