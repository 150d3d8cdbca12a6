// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/audit/audit.hpp"

#include <functional>
#include <set>
#include <stdexcept>
#include <utility>

#include "retail/audit/request_ledger.hpp"
#include "retail/audit/shelf_ledger.hpp"
#include "retail/audit/topic_reader.hpp"
#include "retail/audit/violations.hpp"
#include "retail/contracts/exact.hpp"
#include "retail/contracts/insights.hpp"

namespace retail {

using namespace millrace;

namespace {

using Revenue = std::map<std::string, RevenueChanged, std::less<>>;

/// The last word of insights on each country; `last` is what was known before.
Result<Revenue> read_revenue(TopicReader& topics, Revenue last, AuditReport& report) {
  const auto visit = [&](const AuditedRecord& record) {
    if (record.context.type != "RevenueChanged") return;
    if (const auto revenue = record.decode<RevenueChanged>()) {
      last[std::string(record.key())] = *revenue;
    } else {
      violation(report, record.name() + ": " + revenue.error().message());
    }
  };
  MILLRACE_ASSIGN(const bool found, topics.read(revenue_topic, visit));
  if (!found) violation(report, std::string(revenue_topic) + ": there is no such topic");
  return last;
}

/// What was added to each country since then.
Revenue added_to(const Revenue& before, Revenue revenue, AuditReport& report) {
  for (const auto& [country, then] : before) {
    RevenueChanged& now = revenue[country];
    try {
      now = {now.revenue_milli - then.revenue_milli, now.refunds_milli - then.refunds_milli,
             exact_difference(now.orders, then.orders)};
    } catch (const std::overflow_error& error) {
      violation(report, country + ": " + error.what());
    }
  }
  return revenue;
}

void check_money(const RequestLedger& requests, const Revenue& insights, AuditReport& report) {
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

Result<AuditReport> audit(log::Log& log, const AuditRange& range, PassEnd* left) {
  const PassEnd before = range.begin.value_or(PassEnd{});
  TopicReader topics(log, range.begin ? &range.begin->topics : nullptr,
                     range.end ? &range.end->topics : nullptr);
  AuditReport report;
  RequestLedger requests;
  MILLRACE_TRY(requests.read(topics, report));
  requests.check(report);
  if (range.end && range.end->requests != report.invoices) {
    violation(report, "the pass was completed with " + std::to_string(range.end->requests) +
                          " requests, and " + std::to_string(report.invoices) + " are there");
  }
  ShelfLedger shelves(before.shelves);
  MILLRACE_TRY(shelves.read(topics, requests, report));
  shelves.check(requests, report);
  MILLRACE_ASSIGN(Revenue revenue, read_revenue(topics, before.revenue, report));
  check_money(requests, added_to(before.revenue, revenue, report), report);
  report.ok = report.violations_total == 0;
  if (left != nullptr)
    *left = {report.invoices, topics.ends(), shelves.levels(), std::move(revenue)};
  return report;
}

}  // namespace retail
