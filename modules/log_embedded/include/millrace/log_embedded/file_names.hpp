// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>

// Recognizes the files of an embedded log, for programs that remove or copy a log but must not
// touch other files in its directory. The names are those of docs/formats/journal.md.
namespace millrace::log {

/// True if a log uses this file name: a path below the directory of the log, such as `checkpoint`
/// or `journal/00000000000000000000.journal`. Only the name is checked. Includes the temporary
/// files that a process leaves when it dies. Thread-safe.
///
///     for (const std::string& name : names) { ours = ours && is_log_file("journal/" + name); }
[[nodiscard]] bool is_log_file(std::string_view path);

/// The same for a directory: `journal`, or `settled/orders-0`.
[[nodiscard]] bool is_log_directory(std::string_view path);

}  // namespace millrace::log
