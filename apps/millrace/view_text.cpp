// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "view_text.hpp"

#include <simdjson.h>

#include <algorithm>
#include <string>
#include <vector>

#include "millrace/base/terminal_text.hpp"
#include "table.hpp"

namespace millrace::cli {

namespace {

namespace dom = simdjson::dom;

// Text without its quotes, all else as JSON.
std::string cell_of(dom::element element) {
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS) return escaped(text);
  return printable_json(simdjson::minify(element));
}

struct Row {
  std::string key;
  std::vector<std::pair<std::string, std::string>> cells;  // by column
};

// A value that is no object has one column.
std::vector<std::pair<std::string, std::string>> cells_of(dom::element value) {
  std::vector<std::pair<std::string, std::string>> cells;
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return {{"VALUE", cell_of(value)}};
  for (const auto field : object)
    cells.emplace_back(escaped(field.key), cell_of(field.value));
  return cells;
}

bool read_rows(dom::array entries, std::vector<Row>& rows) {
  for (const dom::element entry : entries) {
    dom::element key;
    dom::element value;
    if (entry["key"].get(key) != simdjson::SUCCESS ||
        entry["value"].get(value) != simdjson::SUCCESS)
      return false;
    rows.push_back({cell_of(key), cells_of(value)});
  }
  return true;
}

void print_rows(const std::vector<Row>& rows, Output& out) {
  std::vector<std::string> headings{"KEY"};
  for (const Row& row : rows) {
    for (const auto& [name, cell] : row.cells) {
      if (std::find(headings.begin() + 1, headings.end(), name) == headings.end())
        headings.push_back(name);
    }
  }
  Table table(headings);
  for (const Row& row : rows) {
    std::vector<std::string> cells(headings.size(), "-");
    cells[0] = row.key;
    for (const auto& [name, cell] : row.cells) {
      const auto column = std::find(headings.begin() + 1, headings.end(), name);
      cells[static_cast<std::size_t>(column - headings.begin())] = cell;
    }
    table.add(std::move(cells));
  }
  table.print(out);
}

}  // namespace

void print_views(std::string_view json, Output& out) {
  dom::parser parser;
  dom::array views;
  if (parser.parse(json.data(), json.size())["views"].get(views) != simdjson::SUCCESS)
    return out.json(json);
  for (const dom::element view : views)
    out.line(cell_of(view));
}

void print_value(std::string_view json, Output& out) {
  dom::parser parser;
  dom::element value;
  dom::object object;
  if (parser.parse(json.data(), json.size()).get(value) != simdjson::SUCCESS ||
      value.get(object) != simdjson::SUCCESS)
    return out.json(json);
  Table table({"MEMBER", "VALUE"});
  for (const auto& [name, cell] : cells_of(value))
    table.add({name, cell});
  if (table.empty()) return out.json(json);
  table.print(out);
}

std::size_t print_entries(std::string_view json, Output& out) {
  dom::parser parser;
  dom::array entries;
  std::vector<Row> rows;
  if (parser.parse(json.data(), json.size())["entries"].get(entries) != simdjson::SUCCESS ||
      !read_rows(entries, rows)) {
    out.json(json);
    return 0;
  }
  if (rows.empty()) {
    out.line("no entries");
  } else {
    print_rows(rows, out);
  }
  return rows.size();
}

}  // namespace millrace::cli
