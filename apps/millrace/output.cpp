// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "output.hpp"

#include <poll.h>

#include <cerrno>

namespace millrace::cli {

void Output::check(bool written) {
  if (written) return;
  (errno == EPIPE ? gone_ : failed_) = true;
}

void Output::write(std::string_view text) {
  if (!open()) return;
  if (text_ != nullptr) {
    text_->append(text);
    return;
  }
  check(std::fwrite(text.data(), 1, text.size(), file_) == text.size());
}

void Output::line(std::string_view text) {
  write(text);
  write("\n");
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

}  // namespace millrace::cli
