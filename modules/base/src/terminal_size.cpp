// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/base/terminal_size.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

namespace millrace {

std::optional<TerminalSize> terminal_size(int descriptor) {
  if (::isatty(descriptor) != 1) return std::nullopt;
  TerminalSize size;
  winsize window{};
  if (::ioctl(descriptor, TIOCGWINSZ, &window) != 0) return size;
  if (window.ws_col > 0) size.columns = window.ws_col;
  if (window.ws_row > 0) size.rows = window.ws_row;
  return size;
}

}  // namespace millrace
