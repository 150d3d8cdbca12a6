// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

#include "output.hpp"

namespace millrace::cli {

/// Columns under headings, as wide as their widest cell. Numbers stand at the right. On a terminal
/// the widest texts are cut, ending in `…`, until a line fits; elsewhere cells are whole.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  /// As many cells as headings.
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  void print(Output& out, std::string_view indent = "") const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace millrace::cli
