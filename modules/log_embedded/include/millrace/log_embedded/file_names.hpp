// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

// Which files of the directory of an embedded log are the log's own: for programs that remove or
// copy it and leave alone what others put there. The names are those of docs/formats/journal.md.
namespace millrace::log {

/// Whether a log gives a file this name: a path below the directory of the log, such as
/// `checkpoint` or `journal/00000000000000000000.journal`. It looks at the name only. Files that a
/// process leaves behind when it dies are among them. Thread-safe.
///
///     for (const std::string& name : names) { ours = ours && is_log_file("journal/" + name); }
[[nodiscard]] bool is_log_file(std::string_view path);

/// The same for a directory: `journal`, or `settled/orders-0`.
[[nodiscard]] bool is_log_directory(std::string_view path);

}  // namespace millrace::log
