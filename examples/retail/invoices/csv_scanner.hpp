// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace retail {

/// Takes RFC 4180 text in pieces of any size and hands over rows of exactly 8 fields, unquoted.
/// Both line ends are taken; a quoted field may hold commas, line ends and doubled quotes. Reusable
/// memory; not thread-safe.
class CsvScanner {
 public:
  static constexpr std::size_t columns = 8;
  using Row = std::array<std::string_view, columns>;

  /// Scans a piece; `visit(row)` returns a Status, and its failure ends the scan. Rows live for the
  /// call.
  template <class F>
  [[nodiscard]] millrace::Status push(std::string_view piece, F visit) {
    // What is left of the piece before goes in front: rows are small beside pieces.
    std::string_view text = piece;
    if (!rest_.empty()) {
      rest_.append(piece);
      text = rest_;
    }
    std::size_t used = 0;
    while (true) {
      Row row;
      MILLRACE_ASSIGN(const std::size_t size, take_row(text.substr(used), row));
      if (size == 0) break;
      used += size;
      MILLRACE_TRY(visit(row));
    }
    rest_ = std::string(text.substr(used));
    return {};
  }
  /// The text is over: fails when a row was begun, unless a missing last line end completes it.
  template <class F>
  [[nodiscard]] millrace::Status finish(F visit) {
    if (rest_.empty()) return {};
    MILLRACE_TRY(push("\n", visit));
    if (!rest_.empty())
      return millrace::fail(millrace::errc::invalid_argument,
                            at_line("the file ends inside a row"));
    return {};
  }
  /// Rows handed over so far; the header counts.
  [[nodiscard]] std::size_t rows() const { return rows_; }
  /// `row 17: what`.
  [[nodiscard]] std::string at_line(std::string_view what) const;

 private:
  /// Bytes of the row at the front of `text`, or 0 when it is not all there.
  millrace::Result<std::size_t> take_row(std::string_view text, Row& row);

  std::string rest_;
  std::array<std::string, columns> unquoted_;
  std::size_t rows_ = 0;
};

}  // namespace retail
