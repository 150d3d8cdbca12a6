// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace millrace::cli {

/// Where a command prints: a stream, or a text for tests. All that passes here is made safe for a
/// terminal (base's terminal_text.hpp), also what a command forgot to escape. Not thread-safe.
class Output {
 public:
  /// The stream outlives the output and is not closed by it.
  explicit Output(std::FILE* file) : file_(file) {}
  /// The text outlives the output. `columns`: as of a terminal.
  explicit Output(std::string& text, std::optional<std::size_t> columns = std::nullopt)
      : text_(&text), text_columns_(columns) {}

  /// Any number of lines. After a failure further text is dropped.
  void write(std::string_view text);
  /// One line, whatever the text.
  void line(std::string_view text);
  /// A JSON document on a line of its own, or over several lines.
  void json(std::string_view document);
  /// Sequences of our own that move the cursor: nothing of others may be in them.
  void control(std::string_view sequence) { put(sequence); }
  void flush();
  /// False once nobody reads any more, or the text cannot be written: stop then.
  [[nodiscard]] bool open() const { return !gone_ && !failed_; }
  /// Notices a reader that has gone without writing to it: for who waits long between writes.
  void look();
  /// errc::io_error when text was lost. A reader who had enough is no failure.
  [[nodiscard]] Status finish();

  /// Columns that lines are to fit in; missing when it is no terminal or all is wanted: then lines
  /// are whole.
  [[nodiscard]] std::optional<std::size_t> columns() const;
  /// From now on lines are whole.
  void show_whole() { whole_ = true; }

 private:
  void put(std::string_view text);
  void check(bool written);

  std::FILE* file_ = nullptr;
  std::string* text_ = nullptr;
  std::optional<std::size_t> text_columns_;
  bool whole_ = false;
  bool gone_ = false;
  bool failed_ = false;
};

}  // namespace millrace::cli
