// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "table.hpp"

#include <algorithm>

#include "millrace/base/assert.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

bool is_number(std::string_view cell) {
  return cell == "-" || (!cell.empty() && std::all_of(cell.begin(), cell.end(),
                                                      [](char c) { return c >= '0' && c <= '9'; }));
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  MILLRACE_ASSERT(cells.size() == headings_.size(), "a row has a cell for each heading");
  rows_.push_back(std::move(cells));
}

void Table::print(Output& out, std::string_view indent) const {
  std::vector<std::size_t> widths;
  std::vector<bool> at_right;
  for (std::size_t column = 0; column < headings_.size(); ++column) {
    std::size_t width = display_width(headings_[column]);
    bool numbers = !rows_.empty();
    for (const auto& row : rows_) {
      width = std::max(width, display_width(row[column]));
      numbers = numbers && is_number(row[column]);
    }
    widths.push_back(width);
    at_right.push_back(numbers);
  }
  const auto print_row = [&](const std::vector<std::string>& cells) {
    std::string line(indent);
    for (std::size_t column = 0; column < cells.size(); ++column) {
      const std::string padding(widths[column] - display_width(cells[column]), ' ');
      if (column > 0) line += "  ";
      line += at_right[column] ? padding + cells[column] : cells[column] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out.line(line);
  };
  print_row(headings_);
  for (const auto& row : rows_)
    print_row(row);
}

}  // namespace millrace::cli
