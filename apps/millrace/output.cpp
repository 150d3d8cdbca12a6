// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "output.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "millrace/base/terminal_size.hpp"
#include "millrace/base/terminal_text.hpp"

namespace millrace::cli {

namespace {

// Most text is: then nothing is copied.
bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0x20 && c < 0x7F) || c == '\n'; });
}

}  // namespace

void Output::check(bool written) {
  if (written) return;
  (errno == EPIPE ? gone_ : failed_) = true;
}

void Output::put(std::string_view text) {
  if (!open()) return;
  if (text_ != nullptr) {
    text_->append(text);
    return;
  }
  check(std::fwrite(text.data(), 1, text.size(), file_) == text.size());
}

void Output::write(std::string_view text) {
  if (is_printable_ascii(text)) return put(text);
  put(printable(text));
}

void Output::line(std::string_view text) {
  put(printable_line(text));
  put("\n");
}

void Output::json(std::string_view document) {
  if (is_printable_ascii(document)) {
    put(document);
  } else {
    put(printable_json(document));
  }
  if (!document.ends_with('\n')) put("\n");
}

void Output::flush() {
  if (file_ != nullptr && open()) check(std::fflush(file_) == 0);
}

void Output::look() {
  if (file_ == nullptr) return;
  pollfd waiting{::fileno(file_), 0, 0};
  if (::poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLERR) != 0) gone_ = true;
}

Status Output::finish() {
  flush();
  if (!failed_) return {};
  return fail(errc::io_error, "the output could not be written: is the disk full?");
}

std::optional<std::size_t> Output::columns() const {
  if (whole_) return std::nullopt;
  if (file_ == nullptr) return text_columns_;
  const auto size = terminal_size(::fileno(file_));
  return size ? std::optional(size->columns) : std::nullopt;
}

}  // namespace millrace::cli
