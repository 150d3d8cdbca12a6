// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

#include "millrace/base/error.hpp"

namespace millrace::stream {

/// What differs between two topologies and cannot be continued: rows of a table for people.
class Differences {
 public:
  /// `store` is one that the part to be rebuilt holds; empty when it has none. `remedy`: a sentence
  /// that says what else can be done than rebuild it or take the change back.
  void add(std::string what, std::string before, std::string now, std::string store,
           std::string remedy = {});
  /// The part that holds this store has to be rebuilt too; empty: all parts.
  void rebuild(std::string store);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// errc::topology_changed: the table and what can be done.
  [[nodiscard]] Error refusal(const std::string& service) const;

 private:
  struct Row {
    std::string what;
    std::string before;
    std::string now;
  };
  std::vector<Row> rows_;
  std::vector<std::string> stores_;
  std::vector<std::string> remedies_;
};

}  // namespace millrace::stream
