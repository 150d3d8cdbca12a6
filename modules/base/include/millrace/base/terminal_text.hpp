// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Text that comes from outside (ids, keys, values, headers, names, messages of others) on its way
// to a terminal. Unsafe there are bytes that are no UTF-8, control characters (C0, DEL and C1), and
// characters that reorder or hide what stands around them (bidirectional overrides, line
// separators, zero-width marks).
namespace millrace {

/// Text of others as a part of a line: what is unsafe becomes `\n`, `\x1b` (one byte) or `\u009b`
/// (one character), a backslash becomes `\\`, so that no two texts look the same. The result is
/// printable UTF-8 on one line.
[[nodiscard]] std::string escaped(std::string_view text);

/// A text that a program has composed, some of it perhaps of others: what is unsafe is escaped as
/// above; backslashes, line ends and tabs stay. printable(printable(x)) == printable(x), so the
/// last step before the terminal may apply it to everything.
[[nodiscard]] std::string printable(std::string_view text);

/// The same of a text that is to stay on one line: line ends and tabs are escaped too.
[[nodiscard]] std::string printable_line(std::string_view text);

/// JSON as it may go to a terminal: the same document, with each unsafe character written `\uXXXX`.
/// Line ends and tabs stay. `json` is valid JSON.
[[nodiscard]] std::string printable_json(std::string_view json);

/// Whether the bytes are UTF-8 and nothing in them is unsafe; line ends and tabs are allowed.
[[nodiscard]] bool is_plain_text(std::string_view bytes);

/// Columns that printable text takes on a terminal: 2 for wide characters (East Asian, emoji), none
/// for combining ones.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// The text, in at most `columns` columns: what is longer ends in `…`. `text` is printable.
[[nodiscard]] std::string cut_to_width(std::string_view text, std::size_t columns);

}  // namespace millrace
