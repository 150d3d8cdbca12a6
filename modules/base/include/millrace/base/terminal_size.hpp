// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <optional>

namespace millrace {

/// Room on a terminal, in characters; never 0.
struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// The size of the terminal behind a file descriptor now; it may change between two calls. Missing
/// when that is no terminal. 80 by 24 for a terminal that does not know its size.
[[nodiscard]] std::optional<TerminalSize> terminal_size(int descriptor);

}  // namespace millrace
