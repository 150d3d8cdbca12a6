// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

// What values of the command line may be, checked while it is read: a wrong one ends the program
// before it opens anything, with one line that names the option, the value and what is allowed.
namespace millrace::cli {

/// Smallest and largest value of a number.
struct Bounds {
  std::int64_t min = 0;
  std::int64_t max = 0;
};

/// Adds an option that takes a whole number, in digits alone; `set` gets it.
CLI::Option* add_number(CLI::App& command, const std::string& names, const std::string& help,
                        Bounds bounds, std::function<void(std::int64_t)> set);

/// The following return an empty text for a good value, else what is wrong with it.

/// `file:DIR`, `kafka://HOST[:PORT],...[/PREFIX]`, or a directory.
[[nodiscard]] std::string check_log_url(const std::string& value);
/// 1 to 249 letters, digits, '.', '_' or '-'.
[[nodiscard]] std::string check_topic(const std::string& value);
/// As a topic: the name stands in names of topics and of files.
[[nodiscard]] std::string check_service(const std::string& value);
/// As a topic, in lower case, and no name that CMake has for a target of its own: that of a
/// program.
[[nodiscard]] std::string check_new_service(const std::string& value);
/// A group or a service: 1 to 249 bytes.
[[nodiscard]] std::string check_group(const std::string& value);
/// `PARTITION:OFFSET`.
[[nodiscard]] std::string check_partition_offset(const std::string& value);
/// Anything but no character at all.
[[nodiscard]] std::string check_not_empty(const std::string& value);
/// `TYPE:NAME`, as Kafka writes principals.
[[nodiscard]] std::string check_principal(const std::string& value);

}  // namespace millrace::cli
