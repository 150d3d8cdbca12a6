// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/audit/audit.hpp"

#include <set>

#include "retail/audit/request_ledger.hpp"
#include "retail/audit/shelf_ledger.hpp"
#include "retail/audit/topic_reader.hpp"
#include "retail/audit/violations.hpp"
#include "retail/contracts/insights.hpp"

namespace retail {

using namespace millrace;

namespace {

/// The last word of insights on each country.
Result<std::map<std::string, RevenueChanged>> read_revenue(log::Log& log, AuditReport& report) {
  std::map<std::string, RevenueChanged> last;
  const auto visit = [&](const AuditedRecord& record) {
    if (record.context.type != "RevenueChanged") return;
    if (const auto revenue = record.decode<RevenueChanged>()) {
      last[std::string(record.key())] = *revenue;
    } else {
      violation(report, record.name() + ": " + revenue.error().message());
    }
  };
  MILLRACE_ASSIGN(const bool found, read_topic(log, revenue_topic, visit));
  if (!found) violation(report, std::string(revenue_topic) + ": there is no such topic");
  return last;
}

void check_money(const RequestLedger& requests,
                 const std::map<std::string, RevenueChanged>& insights, AuditReport& report) {
  std::set<std::string> countries;
  for (const auto& [country, money] : requests.money())
    countries.insert(country);
  for (const auto& [country, revenue] : insights)
    countries.insert(country);
  for (const std::string& country : countries) {
    const auto asked = requests.money().find(country);
    const RequestLedger::CountryMoney money =
        asked == requests.money().end() ? RequestLedger::CountryMoney{} : asked->second;
    const auto seen = insights.find(country);
    const RevenueChanged revenue = seen == insights.end() ? RevenueChanged{} : seen->second;
    const auto equal = [&](const char* what, std::int64_t is, const char* other,
                           std::int64_t should) {
      if (is != should)
        violation(report, country + ": " + what + " " + std::to_string(is) + ", " + other + " " +
                              std::to_string(should));
    };
    equal("completed orders", money.completed.milli, "payments received less rollbacks",
          money.kept.milli);
    equal("revenue in insights", revenue.revenue_milli.milli, "completed orders",
          money.completed.milli);
    equal("refunds in insights", revenue.refunds_milli.milli, "credit notes", money.credited.milli);
    equal("orders in insights", revenue.orders, "orders completed", money.orders);
    if (money.completed.milli != 0) report.revenue_milli[country] = money.completed.milli;
    if (money.credited.milli != 0) report.refunds_milli[country] = money.credited.milli;
  }
}

}  // namespace

Result<AuditReport> audit(log::Log& log) {
  AuditReport report;
  RequestLedger requests;
  MILLRACE_TRY(requests.read(log, report));
  requests.check(report);
  ShelfLedger shelves;
  MILLRACE_TRY(shelves.read(log, requests, report));
  shelves.check(requests, report);
  MILLRACE_ASSIGN(const auto revenue, read_revenue(log, report));
  check_money(requests, revenue, report);
  report.ok = report.violations_total == 0;
  return report;
}

}  // namespace retail
