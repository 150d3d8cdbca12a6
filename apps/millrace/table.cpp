// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "table.hpp"

#include <algorithm>
#include <optional>

#include "millrace/base/assert.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr std::size_t gap = 2;
// No column is cut to less, while there are wider ones.
constexpr std::size_t narrowest = 8;

bool is_number(std::string_view cell) {
  if (cell == "-") return true;
  if (cell.starts_with('-')) cell.remove_prefix(1);
  return !cell.empty() && cell.front() != '.' && std::all_of(cell.begin(), cell.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '.';
  });
}

// Takes columns from the widest texts until a line fits, or all are narrow.
void fit(std::vector<std::size_t>& widths, const std::vector<bool>& at_right, std::size_t room) {
  std::size_t total = gap * (widths.size() - 1);
  for (const std::size_t width : widths)
    total += width;
  while (total > room) {
    std::size_t widest = widths.size();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (at_right[i] || widths[i] <= narrowest) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
    --total;
  }
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  MILLRACE_ASSERT(cells.size() == headings_.size(), "a row has a cell for each heading");
  for (std::string& cell : cells)
    cell = printable_line(cell);
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
  const std::optional<std::size_t> room = out.columns();
  if (room) fit(widths, at_right, *room - std::min(*room, indent.size()));
  const auto print_row = [&](const std::vector<std::string>& cells) {
    std::string line(indent);
    for (std::size_t column = 0; column < cells.size(); ++column) {
      const std::string cell = cut_to_width(cells[column], widths[column]);
      const std::string padding(widths[column] - display_width(cell), ' ');
      if (column > 0) line.append(gap, ' ');
      line += at_right[column] ? padding + cell : cell + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out.line(room ? cut_to_width(line, *room) : line);
  };
  print_row(headings_);
  for (const auto& row : rows_)
    print_row(row);
}

}  // namespace millrace::cli
