// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "pass.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace retail {

namespace chrono = std::chrono;

std::int64_t years_later(std::int64_t ms, std::int64_t years) {
  const chrono::sys_time<chrono::milliseconds> time{chrono::milliseconds(ms)};
  const chrono::sys_days day = chrono::floor<chrono::days>(time);
  chrono::year_month_day date(day);
  date += chrono::years(years);
  if (!date.ok()) date = date.year() / date.month() / chrono::last;
  return (chrono::sys_days(date) + (time - day)).time_since_epoch().count();
}

Invoice in_pass(Invoice invoice, std::int64_t pass) {
  if (pass == 1) return invoice;
  invoice.id = std::to_string(pass) + "-" + invoice.id;
  invoice.ordered_at_ms = years_later(invoice.ordered_at_ms, pass - 1);
  return invoice;
}

}  // namespace retail
