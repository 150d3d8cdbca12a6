// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "retail/invoices/csv_scanner.hpp"

#include <cstring>

namespace retail {

using namespace millrace;

std::string CsvScanner::at_line(std::string_view what) const {
  return "row " + std::to_string(rows_ + 1) + ": " + std::string(what);
}

Result<std::size_t> CsvScanner::take_row(std::string_view text, Row& row) {
  std::size_t at = 0;
  for (std::size_t column = 0; column < columns; ++column) {
    const bool last = column + 1 == columns;
    if (at >= text.size()) return 0;
    if (text[at] == '"') {
      std::string& field = unquoted_[column];
      field.clear();
      ++at;
      while (true) {
        const std::size_t quote = text.find('"', at);
        if (quote == std::string_view::npos || quote + 1 >= text.size()) return 0;
        field.append(text.substr(at, quote - at));
        at = quote + 1;
        if (text[at] != '"') break;
        field.push_back('"');
        ++at;
      }
      row[column] = field;
    } else {
      const std::size_t begin = at;
      while (at < text.size() && text[at] != ',' && text[at] != '\n')
        ++at;
      if (at >= text.size()) return 0;
      row[column] = text.substr(begin, at - begin);
      if (last && row[column].ends_with('\r')) row[column].remove_suffix(1);
    }
    if (last && text[at] == '\r') ++at;
    if (at >= text.size()) return 0;
    if (text[at] != (last ? '\n' : ','))
      return fail(errc::invalid_argument, at_line("it does not have 8 fields"));
    ++at;
  }
  ++rows_;
  return at;
}

}  // namespace retail
