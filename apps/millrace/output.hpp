// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace millrace::cli {

/// Where a command prints: a stream, or a text for tests. Not thread-safe.
class Output {
 public:
  /// The stream outlives the output and is not closed by it.
  explicit Output(std::FILE* file) : file_(file) {}
  /// The text outlives the output.
  explicit Output(std::string& text) : text_(&text) {}

  /// After a failure further text is dropped.
  void write(std::string_view text);
  void line(std::string_view text);
  void flush();
  /// False once nobody reads any more, or the text cannot be written: stop then.
  [[nodiscard]] bool open() const { return !gone_ && !failed_; }
  /// Notices a reader that has gone without writing to it: for who waits long between writes.
  void look();
  /// errc::io_error when text was lost. A reader who had enough is no failure.
  [[nodiscard]] Status finish();

 private:
  void check(bool written);

  std::FILE* file_ = nullptr;
  std::string* text_ = nullptr;
  bool gone_ = false;
  bool failed_ = false;
};

}  // namespace millrace::cli
