// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstdlib>
#include <string>

#include "millrace/base/terminal_text.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/codec/write_json.hpp"
#include "retail/audit/audit.hpp"

namespace retail {

namespace {

void append_money(std::string& out, const char* title,
                  const std::map<std::string, std::int64_t>& amounts) {
  std::int64_t sum = 0;
  for (const auto& [country, milli] : amounts) {
    if (__builtin_add_overflow(sum, milli, &sum)) {
      out += title + std::string("out of range\n");
      return;
    }
  }
  const std::string digits = std::to_string(std::abs(sum % 1000));
  // What is above -1 has a sign too.
  out += title + std::string(sum < 0 ? "-" : "") + std::to_string(std::abs(sum / 1000)) + "." +
         std::string(3 - digits.size(), '0') + digits + " in " + std::to_string(amounts.size()) +
         " countries\n";
}

}  // namespace

std::string to_json(const AuditReport& report) {
  // For people: of sums of money each digit counts, however many there are.
  std::string out;
  millrace::JsonWriter writer(out);
  millrace::codec::write_json(millrace::codec::type_info<AuditReport>(), &report, writer);
  return millrace::printable_json(writer.take());
}

std::string to_text(const AuditReport& report) {
  const auto line = [](const char* title, std::int64_t count) {
    return title + std::to_string(count) + "\n";
  };
  std::string out;
  out += line("requests       ", report.invoices);
  out += line("orders         ", report.orders);
  out += line("  lines        ", report.lines);
  out += line("  completed    ", report.completed);
  out += line("  rejected     ", report.rejected);
  for (const auto& [reason, count] : report.rejected_by)
    out += "    " + millrace::printable_line(reason) + " " + std::to_string(count) + "\n";
  out += line("returns        ", report.returns);
  out += line("write-offs     ", report.write_offs);
  out += line("dead letters   ", report.dead_lettered);
  append_money(out, "revenue        ", report.revenue_milli);
  append_money(out, "refunds        ", report.refunds_milli);
  // Ids in them come from the log.
  for (const std::string& violation : report.violations)
    out += "violation: " + millrace::printable_line(violation) + "\n";
  out += report.ok ? "The audit holds.\n"
                   : "The audit does not hold: " + std::to_string(report.violations_total) +
                         " violations.\n";
  return out;
}

}  // namespace retail
