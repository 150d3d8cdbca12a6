// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace millrace::cli {

/// Commands by what they are for, a line each, and the options that all of them take.
[[nodiscard]] std::string overview(const CLI::App& program);

/// One line that says what is wrong with a command line, and what may have been meant. `arguments`
/// as they were given, without the program's name.
[[nodiscard]] std::string usage_error(const CLI::App& program, const CLI::ParseError& error,
                                      const std::vector<std::string>& arguments);

}  // namespace millrace::cli
