// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/time_text.hpp"

#include <algorithm>
#include <cstring>

namespace millrace {
namespace {

constexpr std::int64_t ms_per_day = 86'400'000;
// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: years have four digits in RFC 3339.
constexpr std::int64_t first_ms = -62'167'219'200'000;
constexpr std::int64_t last_ms = 253'402'300'799'999;

struct Date {
  std::int64_t year;
  std::int64_t month;  // 1 to 12
  std::int64_t day;    // 1 to 31
};

// Days are counted in years that begin in March, so that the leap day is the last of its year and
// the months before any day of the year follow the line (153 m + 2) / 5. Within years 0 to 9999 the
// shift by 400 years keeps all terms positive.
constexpr std::int64_t days_before_epoch = 719'468;  // 1970-01-01 from 0000-03-01
constexpr std::int64_t days_per_era = 146'097;       // in 400 years

std::int64_t days_of(Date date) {
  const std::int64_t shifted = (date.month + 9) % 12;
  const std::int64_t year = date.year + 400 - (date.month <= 2 ? 1 : 0);
  const std::int64_t before = year * 365 + year / 4 - year / 100 + year / 400;
  return before + (153 * shifted + 2) / 5 + date.day - 1 - days_per_era - days_before_epoch;
}

Date date_of(std::int64_t days) {
  const std::int64_t all = days + days_before_epoch + days_per_era;
  const std::int64_t era = all / days_per_era;
  const std::int64_t in_era = all % days_per_era;
  const std::int64_t year_in_era =
      (in_era - in_era / 1'460 + in_era / 36'524 - in_era / 146'096) / 365;
  const std::int64_t in_year = in_era - (year_in_era * 365 + year_in_era / 4 - year_in_era / 100);
  const std::int64_t shifted = (5 * in_year + 2) / 153;
  const std::int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  const std::int64_t year = (era - 1) * 400 + year_in_era + (month <= 2 ? 1 : 0);
  return {year, month, in_year - (153 * shifted + 2) / 5 + 1};
}

void put(char* out, std::int64_t value, int digits) {
  for (int i = digits; i-- > 0; value /= 10) {
    out[i] = static_cast<char>('0' + value % 10);
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes fixed pieces off the front of a text; once something did not fit, everything after fails
// too.
struct Scanner {
  std::string_view rest;
  bool ok = true;

  std::int64_t number(std::size_t digits) {
    std::int64_t value = 0;
    if (rest.size() < digits) {
      ok = false;
      return 0;
    }
    for (std::size_t i = 0; i < digits; ++i) {
      ok = ok && is_digit(rest[i]);
      value = value * 10 + (rest[i] - '0');
    }
    rest.remove_prefix(digits);
    return value;
  }
  bool take(char wanted, char or_this) {
    if (rest.empty() || (rest[0] != wanted && rest[0] != or_this)) {
      return false;
    }
    rest.remove_prefix(1);
    return true;
  }
  void must(char wanted, char or_this) { ok = take(wanted, or_this) && ok; }
};

std::int64_t days_in_month(std::int64_t year, std::int64_t month) {
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (month == 2) {
    return leap ? 29 : 28;
  }
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

std::int64_t scan_fraction_ms(Scanner& in) {
  std::int64_t ms = 0;
  std::size_t digits = 0;
  while (digits < in.rest.size() && is_digit(in.rest[digits])) {
    if (digits < 3) {
      ms = ms * 10 + (in.rest[digits] - '0');
    }
    ++digits;
  }
  in.ok = in.ok && digits != 0;
  in.rest.remove_prefix(digits);
  for (std::size_t i = digits; i < 3; ++i) {
    ms *= 10;
  }
  return ms;
}

std::int64_t scan_zone_minutes(Scanner& in) {
  if (in.take('Z', 'z')) {
    return 0;
  }
  const bool negative = in.take('-', '-');
  if (!negative) {
    in.must('+', '+');
  }
  const std::int64_t hours = in.number(2);
  in.must(':', ':');
  const std::int64_t minutes = in.number(2);
  in.ok = in.ok && hours < 24 && minutes < 60;
  return (negative ? -1 : 1) * (hours * 60 + minutes);
}

}  // namespace

void write_time(char* out, std::int64_t ms) {
  ms = std::clamp(ms, first_ms, last_ms);
  const std::int64_t since_first = ms - first_ms;
  const std::int64_t in_day = since_first % ms_per_day;
  const Date date = date_of((since_first - in_day + first_ms) / ms_per_day);
  std::memcpy(out, "0000-00-00T00:00:00.000Z", 24);
  put(out, date.year, 4);
  put(out + 5, date.month, 2);
  put(out + 8, date.day, 2);
  put(out + 11, in_day / 3'600'000, 2);
  put(out + 14, in_day / 60'000 % 60, 2);
  put(out + 17, in_day / 1'000 % 60, 2);
  put(out + 20, in_day % 1'000, 3);
}

void append_time(std::string& out, std::int64_t ms) {
  char text[24];
  write_time(text, ms);
  out.append(text, sizeof text);
}

std::string format_time(std::int64_t ms) {
  std::string out;
  out.reserve(24);
  append_time(out, ms);
  return out;
}

Result<std::int64_t> parse_time(std::string_view text) {
  Scanner in{text};
  Date date{};
  date.year = in.number(4);
  in.must('-', '-');
  date.month = in.number(2);
  in.must('-', '-');
  date.day = in.number(2);
  in.must('T', 't');
  const std::int64_t hour = in.number(2);
  in.must(':', ':');
  const std::int64_t minute = in.number(2);
  in.must(':', ':');
  const std::int64_t second = in.number(2);
  const std::int64_t ms = in.take('.', '.') ? scan_fraction_ms(in) : 0;
  const std::int64_t zone = scan_zone_minutes(in);
  // Second 60 is a leap second; it is counted as the first of the next minute.
  if (!in.ok || !in.rest.empty() || date.month < 1 || date.month > 12 || date.day < 1 ||
      date.day > days_in_month(date.year, date.month) || hour > 23 || minute > 59 || second > 60) {
    return fail(errc::invalid_argument,
                "'{}' is no time; write it as 2010-12-01T08:26:00.000Z (RFC 3339)",
                text.substr(0, 40));
  }
  return days_of(date) * ms_per_day + ((hour * 60 + minute - zone) * 60 + second) * 1'000 + ms;
}

}  // namespace millrace
