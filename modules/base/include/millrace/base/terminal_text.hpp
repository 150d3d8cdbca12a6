// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Makes text from outside (ids, keys, values, headers, names, messages of others) safe for a
// terminal. Three things are unsafe there: bytes that are not UTF-8, control characters (C0, DEL
// and C1), and characters that reorder or hide the text around them (bidirectional overrides, line
// separators, zero-width characters).
namespace millrace {

/// Escapes text from outside as a part of a line. Unsafe bytes and characters become `\n`, `\x1b`
/// (one byte) or `\u009b` (one character), and a backslash becomes `\\`, so that no two texts look
/// the same. The result is printable UTF-8 on one line.
[[nodiscard]] std::string escaped(std::string_view text);

/// Escapes a text that the program has composed, with parts that may come from outside: unsafe
/// bytes and characters are escaped as above; backslashes, line ends and tabs stay.
/// printable(printable(x)) == printable(x), so the last step before the terminal may apply it to
/// everything.
[[nodiscard]] std::string printable(std::string_view text);

/// The same for a text on one line: line ends and tabs are escaped too.
[[nodiscard]] std::string printable_line(std::string_view text);

/// The same JSON document, with each unsafe character written as `\uXXXX`. Line ends and tabs stay.
/// `json` must be valid JSON.
[[nodiscard]] std::string printable_json(std::string_view json);

/// True if the bytes are UTF-8 and have no unsafe character; line ends and tabs are allowed.
[[nodiscard]] bool is_plain_text(std::string_view bytes);

/// The number of columns of printable text on a terminal: 2 for a wide character (East Asian,
/// emoji), 0 for a combining one.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// The text, cut to at most `columns` columns; a text that was cut ends in `…`. `text` must be
/// printable.
[[nodiscard]] std::string cut_to_width(std::string_view text, std::size_t columns);

}  // namespace millrace
